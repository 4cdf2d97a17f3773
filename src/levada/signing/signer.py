"""Signing a version's folder in the format of OpenSSF Model Signing, which other tools check as well."""

from __future__ import annotations

from pathlib import Path

from levada.artifacts.pushed import SIGNATURE
from levada.errors import SignatureError
from levada.signing.keys import PublicKey, make_private, public_of, read_private
from levada.signing.policy import Policy


def sign(folder: Path, policy: Policy) -> None:
    """Write `model.sig` over all files of a folder, if the policy says that pushes are signed.

    The key is made on first use. Raises SignatureError where `model-signing` is not installed, where the key
    is none, and where it is not among those that are trusted.
    """
    if not policy.signs:
        return
    try:
        from model_signing.hashing import Config as Hashing
        from model_signing.signing import Config as Signing
    except ImportError as error:
        raise SignatureError(
            f"what is pushed is signed, and {error.name} is not installed.",
            hint="pip install 'levada[signing]'; or push unsigned, and load what is unsigned: "
            'signatures = "optional" in [tool.levada].',
        ) from None
    if not policy.private.exists():
        make_private(policy.private, policy.store)
    private = read_private(policy.private)  # says better what is wrong with it
    trusted = policy.keys() if policy.trusted else ()
    own = PublicKey.of(private.public_key(), policy.private)
    if trusted and own.name not in [known.name for known in trusted]:
        raise SignatureError(
            f"{policy.private} would sign, and trust names other keys alone, so nobody could load what is pushed.",
            hint=f"If its owner may push, add {public_of(policy.private).name} to trust in [tool.levada]; or sign with "
            "another key: sign_with, or LEVADA_SIGN_WITH.",
        )
    hashing = Hashing().set_ignored_paths(paths=[SIGNATURE], ignore_git_paths=False)
    signing = Signing().set_hashing_config(hashing).use_elliptic_key_signer(private_key=policy.private)
    signing.sign(folder, folder / SIGNATURE)
