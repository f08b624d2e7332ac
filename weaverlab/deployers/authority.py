"""The authority of one version of a deployment: signs a certificate for each weavelet, and lives as long as they do.

Its key is made here, stays in this process's memory, and signs for nobody else; so a certificate is worth nothing
outside the version that it was made for. A weavelet's own key is made here too, and travels in its bootstrap like the
secret.

Chance: keys and serial numbers come from `cryptography`, whose generator is the operating system's; no `Rng` of ours
may stand in for it. Not in here: what is done with certificates (`transport.tls`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from weaverlab.clock import Clock
from weaverlab.runtime.placement import Placement
from weaverlab.transport.tls import Credentials, domain, uri

LIFETIME_S = 24 * 3600.0  # of a weavelet's certificate
RENEWAL_S = LIFETIME_S / 2  # it gets a new one when it is this old
# A clock that is set back, or another host's that is late, must not make it invalid.
BACKDATED_S = 24 * 3600.0
AUTHORITY_LIFETIME_S = 10 * 365 * 24 * 3600.0  # to either side of its making: it ends with its key, long before


class Authority:
    """Signs for one version of one deployment."""

    def __init__(self, deployment_id: str, version: str, clock: Clock) -> None:
        self._domain = domain(deployment_id, version)
        self._clock = clock
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"WeaverLab {deployment_id}")])
        self._certificate = self._self_signed()
        self._certified_at_s: dict[str, float] = {}  # by replica, on the clock of people, as certificates are

    def __repr__(self) -> str:
        return f"Authority({self._domain!r})"

    def certified(self, placement: Placement) -> Placement:
        """Return `placement` with new credentials."""
        self._certified_at_s[placement.replica] = self._clock.wall_s()
        return replace(placement, credentials=self.issue(placement.replica))

    def renew_if_due(self, replica: str, give: Callable[[Credentials], object]) -> None:
        """Give a replica new credentials, if half the life of those it has is over, or the clock was set back.

        When `give` raises, which goes on, it is due the next time too.
        """
        age_s = self._clock.wall_s() - self._certified_at_s[replica]
        if not 0 <= age_s < RENEWAL_S:
            credentials, now_s = self.issue(replica), self._clock.wall_s()
            give(credentials)
            self._certified_at_s[replica] = now_s

    def issue(self, replica: str) -> Credentials:
        """Return a new key and certificate for `replica`. About 0.2 ms."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.UniformResourceIdentifier(uri(self._domain, replica))
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        certificate = (
            self._begun(x509.Name([]), key, BACKDATED_S, LIFETIME_S)
            .add_extension(x509.SubjectAlternativeName([name]), critical=True)  # as it must be without a subject
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_data=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return Credentials(
            self._domain,
            replica,
            self._certificate.public_bytes(Encoding.PEM).decode("ascii"),
            certificate.public_bytes(Encoding.PEM),
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        )

    def _self_signed(self) -> x509.Certificate:
        return (
            self._begun(self._name, self._key, AUTHORITY_LIFETIME_S, AUTHORITY_LIFETIME_S)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_data=False), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def _begun(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, backdated_s: float, lifetime_s: float
    ) -> x509.CertificateBuilder:
        """Return what all certificates have in common."""
        now = datetime.fromtimestamp(self._clock.wall_s(), timezone.utc)
        signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(seconds=backdated_s))
            .not_valid_after(now + timedelta(seconds=lifetime_s))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(signer, critical=False)
        )


def _key_usage(signs_data: bool) -> x509.KeyUsage:
    """Return what a key may be used for: a weavelet's to sign handshakes, the authority's to sign certificates."""
    return x509.KeyUsage(
        digital_signature=signs_data,
        key_cert_sign=not signs_data,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
