"""The TypeScript client: its types are drawn from the API's document, and its tests run on a real stack."""
