"""Signature algorithms of Notary Project signatures: the signer's key decides which one it is. Pure.

Source: notaryproject/specifications, signature-specification.md, Algorithm Selection.
"""

from __future__ import annotations

from typing import Any, Final

#: RSA keys by their bits.
_RSA: Final = {2048: "PS256", 3072: "PS384", 4096: "PS512"}
#: Curves by the names that SEC 2 has for them, each with the bytes of a number.
_EC: Final = {"secp256r1": ("ES256", 32), "secp384r1": ("ES384", 48), "secp521r1": ("ES512", 66)}
_SHORTEST_RSA: Final = 2048


def algorithm_of(public: Any) -> str | None:  # noqa: ANN401  any of the library's keys
    """Return the algorithm that a key signs with, None where the specification has none for it."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: PLC0415  of an extra, slow to import

    if isinstance(public, rsa.RSAPublicKey):
        return _RSA.get(public.key_size)
    if isinstance(public, ec.EllipticCurvePublicKey):
        return _EC.get(public.curve.name, (None, 0))[0]
    return None


def is_short(public: Any) -> bool:  # noqa: ANN401  as above
    """Whether a key is of RSA and shorter than anything that may sign."""
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415  as above

    return isinstance(public, rsa.RSAPublicKey) and public.key_size < _SHORTEST_RSA


def holds(public: Any, algorithm: str, signature: bytes, message: bytes) -> bool:  # noqa: ANN401  as above
    """Whether a signature over a message is by a key, by this algorithm.

    RFC 7518, 3.4 and 3.5; RFC 9053, 2.1: both numbers of ECDSA one after the other, a salt as long as the hash.
    """
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  as above
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415  as above
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils  # noqa: PLC0415  as above

    used = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}.get(algorithm[2:])
    if used is None:
        return False
    try:
        if isinstance(public, rsa.RSAPublicKey):
            public.verify(signature, message, padding.PSS(padding.MGF1(used), padding.PSS.DIGEST_LENGTH), used)
        elif isinstance(public, ec.EllipticCurvePublicKey):
            size = _EC[public.curve.name][1]
            if len(signature) != 2 * size:
                return False
            numbers = (int.from_bytes(signature[:size]), int.from_bytes(signature[size:]))
            public.verify(utils.encode_dss_signature(*numbers), message, ec.ECDSA(used))
        else:
            return False
    except (InvalidSignature, ValueError):
        return False
    return True
