"""Runs the client of remove.bg that PyPI has, unchanged: it writes PHOTO_no_bg.png, and OUTPUT of the same photo in base64.

    python remove_bg.py KEY PHOTO OUTPUT LOG
"""

import base64
import sys

from removebg import RemoveBg

key, photo, output, log = sys.argv[1:]
client = RemoveBg(key, log)
client.remove_background_from_img_file(photo, size="full")
with open(photo, "rb") as file:
    image = base64.b64encode(file.read())
client.remove_background_from_base64_img(image, size="full", new_file_name=output)
