"""What the fork server imports before all else: the runtime, so that its children have it.

It also leaves its parent's process group: a component that deploys has a fork server, too, and whoever ends that
component kills its group, before the fork server could clean up. It ends by itself when its last client has gone.

Not in here: what a fork server does, which is in `multiprocess`.
"""

from __future__ import annotations

import os

from weaverlab.runtime import inherit

os.setpgid(0, 0)
inherit.clean_up_at_exit()
