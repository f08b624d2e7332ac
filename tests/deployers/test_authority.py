"""What an authority signs, for how long, and what it keeps to itself."""

from __future__ import annotations

import pickle
from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from weaverlab.clock import SystemClock
from weaverlab.config import parse
from weaverlab.deployers.authority import LIFETIME_S, RENEWAL_S, Authority
from weaverlab.routing import RoutingTable
from weaverlab.runtime.placement import Placement


class Stopped(SystemClock):
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.time_s = datetime(2026, 3, 1, tzinfo=timezone.utc).timestamp()

    def wall_s(self) -> float:
        return self.time_s


def names(certificate_pem: bytes) -> list[str]:
    certificate = x509.load_pem_x509_certificate(certificate_pem)
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return extension.value.get_values_for_type(x509.UniformResourceIdentifier)


def test_a_certificate_names_deployment_version_and_replica():
    credentials = Authority("4f2a", "9c1e", SystemClock).issue("Storage/1")

    assert names(credentials.certificate_pem) == ["weaverlab://4f2a/9c1e/Storage/1"]


def test_names_that_are_no_ascii_and_versions_that_are_empty_have_names_too():
    credentials = Authority("4f2a", "", SystemClock).issue("Speicher\u00e4/0")

    assert names(credentials.certificate_pem) == ["weaverlab://4f2a/-/Speicher%C3%A4/0"]


def test_it_is_valid_from_a_day_ago_until_its_lifetime_is_over():
    clock = Stopped()
    certificate = x509.load_pem_x509_certificate(Authority("4f2a", "v", clock).issue("A/0").certificate_pem)

    now = datetime.fromtimestamp(clock.wall_s(), timezone.utc)
    assert certificate.not_valid_before_utc == now - timedelta(days=1)
    assert certificate.not_valid_after_utc == now + timedelta(seconds=LIFETIME_S)


def test_it_may_sign_handshakes_and_no_other_certificates():
    certificate = x509.load_pem_x509_certificate(Authority("4f2a", "v", SystemClock).issue("A/0").certificate_pem)
    extensions = certificate.extensions

    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_every_certificate_has_a_key_of_its_own_on_the_curve_p_256():
    authority = Authority("4f2a", "v", SystemClock)
    keys = [load_pem_private_key(authority.issue("A/0").key_pem, None) for _ in range(2)]

    assert all(isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp256r1" for key in keys)
    assert keys[0].private_numbers() != keys[1].private_numbers()


def test_the_authoritys_key_is_in_nothing_that_it_hands_out_and_cannot_be_pickled():
    authority = Authority("4f2a", "v", SystemClock)
    number = authority._key.private_numbers().private_value.to_bytes(32, "big")
    credentials = authority.issue("A/0")

    assert number not in pickle.dumps(credentials) and number.hex() not in pickle.dumps(credentials).decode("latin-1")
    assert repr(authority) == "Authority('weaverlab://4f2a/v/')"
    with pytest.raises(TypeError):
        pickle.dumps(authority)


def test_a_weavelets_key_is_in_no_repr():
    credentials = Authority("4f2a", "v", SystemClock).issue("A/0")

    assert "PRIVATE" not in repr(credentials) and "key" not in repr(credentials)


def placement(replica: str) -> Placement:
    return Placement("4f2a", "v", replica, (), "", RoutingTable(), {}, {}, parse(""), b"")


@pytest.mark.parametrize(
    ("passed_s", "is_due"), [(0.0, False), (RENEWAL_S - 1, False), (RENEWAL_S, True), (-60.0, True)]
)
def test_a_certificate_is_renewed_at_half_its_life_and_when_the_clock_was_set_back(passed_s, is_due):
    clock, given = Stopped(), []
    authority = Authority("4f2a", "v", clock)
    authority.certified(placement("A/0"))

    clock.time_s += passed_s
    for _ in range(2):  # the second time it has just been renewed
        authority.renew_if_due("A/0", given.append)

    assert [credentials.replica for credentials in given] == ["A/0"] * is_due


def test_a_renewal_that_could_not_be_delivered_is_due_again():
    clock, given = Stopped(), []
    authority = Authority("4f2a", "v", clock)
    authority.certified(placement("A/0"))
    clock.time_s += RENEWAL_S

    with pytest.raises(ZeroDivisionError):
        authority.renew_if_due("A/0", lambda credentials: 1 / 0)
    authority.renew_if_due("A/0", given.append)

    assert len(given) == 1
