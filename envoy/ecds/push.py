"""Puts the snapshot on the standard input where Envoy watches for it.

    lunette policy snapshot | python3 envoy/ecds/push.py envoy/ecds/lunette.yaml /etc/lunette/ecds
"""

import json
import os
import sys

template, folder = sys.argv[1:]
snapshot = sys.stdin.read()
if snapshot.count("\n") < 1 or not snapshot.startswith("{"):
    sys.exit("expected the two lines of a snapshot")
with open(template) as file:
    text = file.read()
target = os.path.join(folder, os.path.basename(template))
with open(target + ".next", "w") as file:
    file.write(text.replace('"snapshot": ""', '"snapshot": ' + json.dumps(snapshot)))
# In one step: Envoy must not see half of it.
os.rename(target + ".next", target)
