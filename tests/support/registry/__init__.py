"""A registry in this process, by the OCI distribution specification 1.1, with faults that a test can add.

`with Registry(faults.CutDownload(1000)) as registry:` serves on `registry.address`, in plain HTTP. `registry.put` fills
it without a request. `registry.log`, `asked` and `counts` say what clients asked for, and how many bytes went each way.
Faults (`faults`) and who may ask (`guards`) are objects that work together, the first one first.
"""

from tests.support.registry.exchange import Exchange, Kind, Request, Response, error
from tests.support.registry.server import Registry
from tests.support.registry.store import Store

__all__ = ["Exchange", "Kind", "Registry", "Request", "Response", "Store", "error"]
