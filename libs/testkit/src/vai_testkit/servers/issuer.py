"""An OIDC issuer with keys of its own: it signs tokens, and shows its public keys as a JWKS."""

import json
from datetime import timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from vai_common import clock

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

AUDIENCE = "vai-console"


class Issuer:
    """`jwks` is what it shows now; `add` and `retire` rotate its keys."""

    def __init__(self, name: str = "https://issuer.example.com") -> None:
        self.name = name
        self._keys: dict[str, tuple[str, PrivateKey]] = {}

    def add(self, key_id: str, algorithm: str = "ES256") -> None:
        """A new key pair: ES256 or RS256."""
        key: PrivateKey = (
            ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else rsa.generate_private_key(65537, 2048)
        )
        self._keys[key_id] = (algorithm, key)

    def retire(self, key_id: str) -> None:
        del self._keys[key_id]

    def private_key(self, key_id: str) -> PrivateKey:
        return self._keys[key_id][1]

    @property
    def jwks(self) -> bytes:
        return json.dumps({"keys": [self._public(key_id) for key_id in self._keys]}).encode()

    def claims(self, whose: str, /, **changes: Any) -> dict[str, Any]:
        """What a good token says; a change to None leaves the claim out."""
        now = clock.now()
        usual = {"iss": self.name, "aud": AUDIENCE, "sub": f"sub of {whose}", "email": whose, "email_verified": True}
        usual |= {"iat": now, "exp": now + timedelta(minutes=5)}
        return {name: value for name, value in (usual | changes).items() if value is not None}

    def token(self, whose: str, key_id: str | None = None, /, **changes: Any) -> str:
        """A token signed by this key, or by the newest; `changes` are those of `claims`."""
        name = key_id or list(self._keys)[-1]
        algorithm, key = self._keys[name]
        return jwt.encode(self.claims(whose, **changes), key, algorithm, headers={"kid": name})

    def _public(self, key_id: str) -> dict[str, Any]:
        algorithm, key = self._keys[key_id]
        if isinstance(key, rsa.RSAPrivateKey):
            public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        else:
            public = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        return {**public, "kid": key_id, "alg": algorithm, "use": "sig"}
