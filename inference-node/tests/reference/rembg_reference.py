"""The reference for tests/background_parity.rs: real photos, and what rembg makes of them. Downloads nothing.

    python rembg_reference.py photos FOLDER
        writes photos from scikit-image's wheel into FOLDER, as one would upload them
    python rembg_reference.py cut-outs ONNX_FOLDER FOLDER
        writes NAME.EXTENSION.rembg.png for every photo in FOLDER; ONNX_FOLDER holds u2netp.onnx
"""

import os
import shutil
import sys
from pathlib import Path

from PIL import Image

ORIENTATION = 0x0112  # the EXIF tag
TURN_RIGHT = 6  # "rotate by 90 degrees clockwise to see it upright"


def write_photos(folder: Path) -> None:
    """All CC0 or in the public domain; see NOTICE."""
    import skimage

    shipped = Path(skimage.__file__).parent / "data"
    for name in ["astronaut.png", "chelsea.png", "camera.png", "clock_motion.png", "rocket.jpg"]:
        shutil.copyfile(shipped / name, folder / name)

    # The cup, lying on its side in the file, with the tag that stands it up again.
    photo = Image.open(shipped / "coffee.png").convert("RGB").transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[ORIENTATION] = TURN_RIGHT
    photo.save(folder / "coffee.png", exif=exif)
    photo.save(folder / "coffee.jpg", exif=exif, quality=95)


def write_cut_outs(onnx_folder: Path, folder: Path) -> None:
    if not (onnx_folder / "u2netp.onnx").is_file():
        sys.exit(f"{onnx_folder}: there is no u2netp.onnx")
    os.environ["U2NET_HOME"] = str(onnx_folder)  # rembg looks here before it downloads

    from rembg import new_session, remove

    session = new_session("u2netp")
    for photo in sorted(folder.iterdir()):
        photo.with_name(f"{photo.name}.rembg.png").write_bytes(remove(photo.read_bytes(), session=session))


match sys.argv[1:]:
    case ["photos", folder]:
        write_photos(Path(folder))
    case ["cut-outs", onnx_folder, folder]:
        write_cut_outs(Path(onnx_folder), Path(folder))
    case _:
        sys.exit(__doc__)
