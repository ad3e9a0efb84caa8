"""Makes the calls that the documentation of rapidocr_api shows, with a key, and prints what they gave.

    python rapidocr.py KEY ADDRESS PAGE
"""

import base64
import json
import sys

import requests

key, url, img_path = sys.argv[1:]
session = requests.Session()
session.trust_env = False
session.headers["X-API-Key"] = key

with open(img_path, "rb") as f:
    file_dict = {"image_file": (img_path, f, "image/png")}
    as_file = session.post(url, files=file_dict, timeout=60)

with open(img_path, "rb") as fa:
    img_str = base64.b64encode(fa.read())
payload = {"image_data": img_str}
as_text = session.post(url, data=payload, timeout=60)

payload = {"image_data": img_str, "use_det": True, "use_cls": True, "use_rec": True}
with_options = session.post(url, data=payload, timeout=60)

payload = {"image_data": img_str, "use_det": False}
without_boxes = session.post(url, data=payload, timeout=60)

answers = {"file": as_file, "text": as_text, "options": with_options, "no_boxes": without_boxes}
print(json.dumps({name: [answer.status_code, answer.json()] for name, answer in answers.items()}))
