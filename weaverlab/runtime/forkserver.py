"""What the fork server imports before all else: the runtime, so that its children have it.

Not in here: what a fork server does, which is in `multiprocess`.
"""

from __future__ import annotations

from weaverlab.runtime import inherit

inherit.clean_up_at_exit()
