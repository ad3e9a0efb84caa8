"""What rembg makes of five photos: the reference for tests/background_parity.rs.

    python rembg_reference.py ONNX_FOLDER OUTPUT_FOLDER

ONNX_FOLDER holds u2netp.onnx. For each photo two files are written: the photo itself as one would upload it
(NAME.png or NAME.jpg) and the cut-out that rembg makes of those very bytes (NAME.rembg.png). Nothing is downloaded.
"""

import os
import sys
from pathlib import Path

from PIL import Image

ORIENTATION = 0x0112  # the EXIF tag
TURN_RIGHT = 6  # "rotate by 90 degrees clockwise to see it upright"


def write_photos(folder: Path) -> list[Path]:
    """Photos from scikit-image's wheel, all CC0 or in the public domain; see NOTICE."""
    import skimage

    wheel = Path(skimage.__file__).parent / "data"

    def shipped(name: str) -> Path:
        path = folder / name
        path.write_bytes((wheel / name).read_bytes())
        return path

    photos = [
        shipped("astronaut.png"),  # a person
        shipped("chelsea.png"),  # a cat
        shipped("rocket.jpg"),
        shipped("camera.png"),  # grey
    ]

    # The cup, lying on its side in the file, with the tag that stands it up again.
    turned = folder / "coffee.jpg"
    exif = Image.Exif()
    exif[ORIENTATION] = TURN_RIGHT
    photo = Image.open(wheel / "coffee.png").convert("RGB")
    photo.transpose(Image.Transpose.ROTATE_90).save(turned, quality=95, exif=exif)
    return photos + [turned]


def main() -> None:
    onnx_folder, output_folder = Path(sys.argv[1]), Path(sys.argv[2])
    if not (onnx_folder / "u2netp.onnx").is_file():
        sys.exit(f"{onnx_folder}: there is no u2netp.onnx")
    os.environ["U2NET_HOME"] = str(onnx_folder)  # rembg looks here before it downloads

    from rembg import new_session, remove

    session = new_session("u2netp")
    for photo in write_photos(output_folder):
        photo.with_suffix(".rembg.png").write_bytes(remove(photo.read_bytes(), session=session))
        print(photo.name)


if __name__ == "__main__":
    main()
