"""Variables and secrets of an organisation, which definitions name: `$/vars/NAME`, `$/secrets/NAME`."""
