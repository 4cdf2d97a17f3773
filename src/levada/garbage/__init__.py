"""Collecting garbage: what nothing in a store needs any more, found and removed beside runs that go on."""

from levada.garbage.collection import Collection as Collection
from levada.garbage.collection import collect as collect
from levada.garbage.policy import Policy as Policy
