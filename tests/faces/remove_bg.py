"""Runs the client of remove.bg that PyPI has, unchanged: it writes PHOTO_no_bg.png.

    python remove_bg.py KEY PHOTO LOG
"""

import sys

from removebg import RemoveBg

key, photo, log = sys.argv[1:]
RemoveBg(key, log).remove_background_from_img_file(photo, size="full")
