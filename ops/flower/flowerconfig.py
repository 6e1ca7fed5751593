"""Flower's configuration, in the local stack and in containers; Flower runs this file.

The password comes from a file, so that neither the command line nor the environment holds it.
"""

import os
from pathlib import Path

address = os.environ.get("MESSAGING_FLOWER_ADDRESS") or "127.0.0.1"
port = int(os.environ.get("MESSAGING_FLOWER_PORT") or 5555)
url_prefix = "flower"
_password = Path(os.environ["MESSAGING_FLOWER_PASSWORD_FILE"]).read_text(encoding="utf-8").strip()
basic_auth = [f"operator:{_password}"]
# NGINX adds the scheme and the address of the client.
xheaders = True
max_tasks = 10_000
# A worker that was replaced under another name disappears after this many seconds.
purge_offline_workers = 600
