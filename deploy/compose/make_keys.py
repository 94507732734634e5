"""Makes the keys of the Compose stack once: `make_keys.py /keys/env`. Everybody who may read the volume knows them."""

import base64
import os
import secrets
import sys
from pathlib import Path

env = Path(sys.argv[1])
if not env.exists():
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    said = {
        "VAI_ENCRYPTION_KEYS": f"k1:{key}",
        "VAI_TOKEN_SECRET": secrets.token_urlsafe(48),
        "VAI_ADMIN_TOKEN": secrets.token_urlsafe(48),
        # The S3 server in this stack takes any; it is reached from inside alone.
        "AWS_ACCESS_KEY_ID": "compose",
        "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(24),
    }
    env.write_text("".join(f"{name}='{value}'\n" for name, value in said.items()))
    env.chmod(0o400)
    os.chown(env, 10001, 10001)  # last: we have the right to give it away, and none over what is another's
