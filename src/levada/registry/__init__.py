"""The store's side of the model registry: what is known of models and their versions, and what is live where."""

from levada.registry.records import Move as Move
from levada.registry.records import Order as Order
from levada.registry.records import Promotion as Promotion
from levada.registry.records import Release as Release
from levada.registry.records import Request as Request
from levada.registry.records import Version as Version
from levada.registry.registry import NAME as NAME
from levada.registry.registry import Registry as Registry
