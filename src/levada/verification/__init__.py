"""Verifying a store: every document, every file of every artifact, every model that was pushed from it."""

from levada.verification.findings import Finding as Finding
from levada.verification.findings import Report as Report
from levada.verification.reading import verify as verify
