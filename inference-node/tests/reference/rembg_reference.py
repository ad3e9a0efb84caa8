"""The reference for tests/background_parity.rs: real photos, and what rembg makes of them. Downloads nothing.

    python rembg_reference.py photos FOLDER
        writes photos from scikit-image's wheel into FOLDER, as one would upload them
    python rembg_reference.py cut-outs ONNX_FOLDER FOLDER
        writes NAME.EXTENSION.rembg.png for every photo in FOLDER; ONNX_FOLDER holds u2netp.onnx
    python rembg_reference.py options ONNX_FOLDER FOLDER
        writes NAME.EXTENSION.OPTION.png for every photo in FOLDER and every option of the server of rembg
    python rembg_reference.py matting ONNX_FOLDER FOLDER
        writes NAME.EXTENSION.mask.png for every photo in FOLDER, and NAME.EXTENSION.matted.png, which PyMatting refined from it
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


OPTIONS = {
    "om": {"only_mask": True},
    "ppm": {"post_process_mask": True},
    "om-ppm": {"only_mask": True, "post_process_mask": True},
    "bgc": {"bgcolor": (10, 200, 90, 255)},
    "bgc-clear": {"bgcolor": (10, 200, 90, 100)},
    "ppm-bgc": {"post_process_mask": True, "bgcolor": (255, 255, 255, 255)},
}


def session_of(onnx_folder: Path):
    if not (onnx_folder / "u2netp.onnx").is_file():
        sys.exit(f"{onnx_folder}: there is no u2netp.onnx")
    os.environ["U2NET_HOME"] = str(onnx_folder)  # rembg looks here before it downloads

    from rembg import new_session

    return new_session("u2netp")


def write_cut_outs(onnx_folder: Path, folder: Path) -> None:
    session = session_of(onnx_folder)
    from rembg import remove

    for photo in sorted(folder.iterdir()):
        photo.with_name(f"{photo.name}.rembg.png").write_bytes(remove(photo.read_bytes(), session=session))


def write_options(onnx_folder: Path, folder: Path) -> None:
    session = session_of(onnx_folder)
    from rembg import remove

    for photo in sorted(folder.iterdir()):
        for name, options in OPTIONS.items():
            picture = remove(photo.read_bytes(), session=session, **options)
            photo.with_name(f"{photo.name}.{name}.png").write_bytes(picture)


def write_matted(onnx_folder: Path, folder: Path) -> None:
    session = session_of(onnx_folder)
    from rembg.bg import alpha_matting_cutout

    for photo in sorted(folder.iterdir()):
        image = Image.open(photo).convert("RGB")
        mask = session.predict(image)[0]
        mask.save(photo.with_name(f"{photo.name}.mask.png"))
        matted = alpha_matting_cutout(image, mask, 240, 10, 10)
        matted.save(photo.with_name(f"{photo.name}.matted.png"))


match sys.argv[1:]:
    case ["photos", folder]:
        write_photos(Path(folder))
    case ["cut-outs", onnx_folder, folder]:
        write_cut_outs(Path(onnx_folder), Path(folder))
    case ["options", onnx_folder, folder]:
        write_options(Path(onnx_folder), Path(folder))
    case ["matting", onnx_folder, folder]:
        write_matted(Path(onnx_folder), Path(folder))
    case _:
        sys.exit(__doc__)
