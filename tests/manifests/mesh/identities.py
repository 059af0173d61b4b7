"""Certificates and tokens, made for the run: a mesh's authority, and another's."""

import datetime
import json
import time
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ISSUER = "https://issuer.example.com"
JWKS_URI = f"{ISSUER}/.well-known/jwks.json"
HOUR_S = 3600


@dataclass(frozen=True)
class Identity:
    """PEM texts of a certificate and its key."""

    certificate: str
    key: str


class Authority:
    """Signs workloads' certificates, as istiod does."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
        is_authority = x509.BasicConstraints(ca=True, path_length=0)
        self.certificate = self._sign(self._key, self._name, is_authority)

    def workload(self, namespace: str, account: str) -> Identity:
        return self._issue(
            x509.UniformResourceIdentifier(f"spiffe://cluster.local/ns/{namespace}/sa/{account}")
        )

    def host(self, name: str) -> Identity:
        return self._issue(x509.DNSName(name))

    def _issue(self, name: x509.GeneralName) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        # A workload has no subject, as SPIFFE's certificates have none.
        certificate = self._sign(key, x509.Name([]), x509.SubjectAlternativeName([name]))
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return Identity(certificate, private.decode())

    def _sign(
        self, key: ec.EllipticCurvePrivateKey, subject: x509.Name, extension: x509.ExtensionType
    ) -> str:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(extension, critical=True)
        )
        signed = builder.sign(self._key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM).decode()


class Issuer:
    """Signs tokens; ``keys`` is what its jwksUri answers."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        jwk: dict[str, Any] = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self._key.public_key()))
        self.keys = json.dumps({"keys": [jwk | {"alg": "ES256", "kid": "1"}]})

    def token(self, subject: str, **claims: Any) -> str:
        standard = {"iss": ISSUER, "aud": "r1", "sub": subject, "exp": time.time() + HOUR_S}
        given = {key: value for key, value in (standard | claims).items() if value is not None}
        # As it is: PyJWT's own encoder refuses a subject that is no string.
        payload = json.dumps(given).encode()
        return jwt.PyJWS().encode(payload, self._key, "ES256", {"kid": "1"})


def tokens(issuer: Issuer, subject: str) -> dict[str, str | None]:
    """One token of each kind; None is no token."""
    unsigned = {"iss": ISSUER, "aud": "r1", "sub": subject, "exp": time.time() + HOUR_S}
    return {
        "right": issuer.token(subject),
        "missing": None,
        # Not in the header.
        "right, in the query": None,
        "wrong issuer": issuer.token(subject, iss="https://evil.example.com"),
        "wrong audience": issuer.token(subject, aud="another"),
        "expired": issuer.token(subject, exp=time.time() - HOUR_S),
        "bad signature": Issuer().token(subject),
        "no signature": jwt.encode(unsigned, None, "none"),
        "no token at all": "abc",
        "without subject": issuer.token(subject, sub=None),
        "empty subject": issuer.token(""),
        "many subjects": issuer.token(subject, sub=[subject]),
    }
