"""Signatures over served models: made when a model is pushed, checked by whoever loads it."""

from levada.signing.checking import check_folder as check_folder
from levada.signing.checking import check_served as check_served
from levada.signing.policy import Policy as Policy
from levada.signing.policy import policy_of as policy_of
from levada.signing.signer import sign as sign
