"""The reference for tests/text_parity.rs: pages, and what RapidOCR reads on them. Downloads nothing.

    python text_reference.py pages FOLDER
        writes pages and photos into FOLDER as PNG
    python text_reference.py read ONNX_FOLDER FOLDER
        writes NAME.json for every NAME.png in FOLDER: lines, each with text, confidence and four corners
    python text_reference.py networks ONNX_FOLDER FOLDER
        writes inputs and outputs of each network as NETWORK.input.npy and NETWORK.output.npy

ONNX_FOLDER holds ppocr-detector.onnx, ppocr-classifier.onnx, ppocr-recogniser.onnx and ppocr-characters.txt.
"""

import importlib.util
import json
import random
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

ENGLISH = [
    "A lunette is a work built in front of a fortress", "to break the attack before it reaches the walls.",
    "Invoice No. 48213-A", "Total: $1,294.50 (incl. 19% VAT)", "The quick brown fox jumps over the lazy dog.",
    "Hello World 2026", "Please keep this receipt for your records", "http://example.org/a?b=c&d=e",
    "Tel. +44 20 7946 0958", "CAUTION: WET FLOOR", "Chapter 12 / Appendix B", "candle, tokio, wasmtime, axum",
    "Platform 9 departs 17:45", "Net weight 250 g", "Serial: QX7-0091-ZT", "No smoking beyond this point",
    "Open Monday to Friday, 9 am to 6 pm", "Rust 1.97 was released on a Thursday",
]
CHINESE = [
    "北京市海淀区中关村大街", "今天天气很好，我们去公园散步。", "发票号码：20260817", "合计人民币壹仟贰佰元整",
    "请勿在此停车", "开放时间：上午九点至下午六点", "上海浦东国际机场", "人工智能与机器学习",
    "床前明月光，疑是地上霜。", "举头望明月，低头思故乡。", "小心地滑", "保质期十二个月",
    "电话：010-62345678", "产品名称：绿茶", "欢迎光临", "出口 Exit", "中文和 English 混排",
]


def fonts():
    def shipped(package, file):
        return str(Path(importlib.util.find_spec(package).origin).parent / file)

    regular = shipped("cvttf_NotoSansCJK_Regular", "NotoSansCJKtc-Regular.otf")
    bold = shipped("cvttf_NotoSansCJK_Bold", "NotoSansCJKtc-Bold.otf")
    return {
        "plain": lambda size: ImageFont.load_default(size),
        "regular": lambda size: ImageFont.truetype(regular, size),
        "bold": lambda size: ImageFont.truetype(bold, size),
    }


def write_pages(folder: Path) -> None:
    import skimage

    photos = Path(skimage.__file__).parent / "data"
    font = fonts()
    draw_lines = random.Random(7)
    pages = {}

    def page(name, lines, face="regular", size=28, canvas=(800, 600), ink=(20, 20, 20), paper=(255, 255, 255), gap=1.7, indent=40):
        image = Image.new("RGB", canvas, paper)
        draw = ImageDraw.Draw(image)
        y = indent
        for line in lines:
            if y + size * 1.5 > canvas[1]:
                break
            draw.text((indent, y), line, font=font[face](size), fill=ink)
            y += int(size * gap)
        pages[name] = image
        return image

    def some(of, count):
        return draw_lines.sample(of, count)

    for number, (face, size) in enumerate([("plain", 20), ("plain", 32), ("regular", 18), ("regular", 26), ("bold", 24), ("bold", 40)]):
        page(f"english-{number}", some(ENGLISH, 9), face, size, (1000, 700))
    for number, (face, size) in enumerate([("regular", 20), ("regular", 28), ("regular", 36), ("bold", 24), ("bold", 44), ("regular", 64)]):
        page(f"chinese-{number}", some(CHINESE, 8), face, size, (1000, 700))
    for number in range(3):
        page(f"mixed-{number}", some(CHINESE + ENGLISH, 12), "regular", 22 + 6 * number, (900, 900))

    for angle in [-15, -7, -3, 3, 7, 15, 30]:
        upright = page("upright", some(ENGLISH, 4) + some(CHINESE, 3), "regular", 30, (900, 600))
        pages[f"rotated{angle:+d}"] = upright.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=(255, 255, 255))
    for angle in [90, 180, 270]:
        upright = page("upright", some(ENGLISH, 5) + some(CHINESE, 4), "bold", 32, (900, 700))
        pages[f"turned-{angle}"] = upright.rotate(angle, expand=True)
    del pages["upright"]

    for size in [10, 12, 14]:
        page(f"small-{size}", some(ENGLISH, 10), "plain", size, (420, 320), indent=12)
        page(f"small-chinese-{size}", some(CHINESE, 10), "regular", size + 2, (420, 320), indent=12)
    for number, (ink, paper) in enumerate([((200, 200, 200), (225, 225, 225)), ((90, 90, 90), (60, 60, 60)), ((180, 150, 120), (205, 170, 140))]):
        page(f"low-contrast-{number}", some(ENGLISH, 4) + some(CHINESE, 4), "regular", 30, (800, 600), ink, paper)
    page("white-on-black", some(ENGLISH, 5) + some(CHINESE, 4), "bold", 30, (800, 600), (255, 255, 255), (0, 0, 0))

    table = Image.new("RGB", (900, 500), (250, 250, 245))
    draw = ImageDraw.Draw(table)
    for row in range(8):
        for column in range(4):
            draw.rectangle((30 + 210 * column, 30 + 55 * row, 240 + 210 * column, 85 + 55 * row), outline=(120, 120, 120))
            text = ["Item", "Qty", "Price", "Total"][column] if row == 0 else f"{draw_lines.randint(10, 99999)}.{column}{row}"
            draw.text((45 + 210 * column, 40 + 55 * row), text, font=font["plain"](24), fill=(0, 0, 0))
    pages["table"] = table

    page("large", some(ENGLISH, 12), "regular", 90, (3000, 2200), indent=150)
    page("strip", [ENGLISH[0] + " " + ENGLISH[1]], "regular", 24, (1200, 60), indent=12)
    page("flat-strip", [ENGLISH[2]], "regular", 18, (300, 28), indent=1)
    page("wide", [ENGLISH[5], CHINESE[0]], "regular", 60, (2400, 320), indent=60)

    for number, (photo, face) in enumerate([("astronaut.png", "bold"), ("coffee.png", "bold"), ("chelsea.png", "regular")]):
        image = Image.open(photos / photo).convert("RGB").resize((960, 720))
        draw = ImageDraw.Draw(image)
        for row, line in enumerate(some(ENGLISH, 2) + some(CHINESE, 2)):
            draw.text((60, 80 + 150 * row), line, font=font[face](40), fill=(255, 240, 60), stroke_width=2, stroke_fill=(0, 0, 0))
        pages[f"photo-{number}"] = image
    scan = page("scan", some(ENGLISH, 6) + some(CHINESE, 4), "regular", 26, (900, 700))
    noise = np.random.default_rng(3).normal(0, 14, (700, 900, 3))
    scan = Image.fromarray(np.clip(np.asarray(scan.filter(ImageFilter.GaussianBlur(0.8))) + noise, 0, 255).astype(np.uint8))
    pages["scan"] = scan.transform((900, 700), Image.Transform.PERSPECTIVE, (1.05, 0.08, -30, 0.02, 1.08, -20, 0.00006, 0.0001), Image.Resampling.BICUBIC)
    for name in ["text.png", "page.png"]:
        pages[f"photograph-{name[:-4]}"] = Image.open(photos / name).convert("RGB")

    pages["empty"] = Image.new("RGB", (640, 480), (255, 255, 255))
    pages["nothing-to-read"] = Image.open(photos / "chelsea.png").convert("RGB")
    for name, image in pages.items():
        image.save(folder / f"{name}.png")


def read_pages(onnx_folder: Path, folder: Path) -> None:
    from rapidocr_onnxruntime import RapidOCR

    engine = RapidOCR(
        det_model_path=str(onnx_folder / "ppocr-detector.onnx"),
        cls_model_path=str(onnx_folder / "ppocr-classifier.onnx"),
        rec_model_path=str(onnx_folder / "ppocr-recogniser.onnx"),
        rec_keys_path=str(onnx_folder / "ppocr-characters.txt"),
        rec_img_shape=[3, 32, 320],
    )
    for page in sorted(folder.glob("*.png")):
        lines, _ = engine(str(page))
        answer = [{"box": box, "text": text, "confidence": float(confidence)} for box, text, confidence in lines or []]
        page.with_suffix(".json").write_text(json.dumps(answer), encoding="utf-8")


def run_networks(onnx_folder: Path, folder: Path) -> None:
    import onnxruntime

    inputs = {}
    image = Image.new("RGB", (448, 320), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    for row, line in enumerate(ENGLISH[:3] + CHINESE[:3]):
        draw.text((20, 15 + 50 * row), line, font=fonts()["regular"](24), fill=(20, 20, 60))

    def planes(images):
        return ((np.stack([np.asarray(image)[:, :, ::-1].transpose(2, 0, 1) for image in images]) / 255 - 0.5) / 0.5).astype(np.float32)

    inputs["detector"] = planes([image])
    crops = [image.crop((15, 14 + 50 * row, 415, 54 + 50 * row)) for row in range(6)]
    inputs["classifier"] = planes([crop.resize((192, 48)).rotate(180 * (row % 2)) for row, crop in enumerate(crops)])
    inputs["recogniser"] = planes([crop.resize((333, 32)) for crop in crops])
    for network, value in inputs.items():
        session = onnxruntime.InferenceSession(str(onnx_folder / f"ppocr-{network}.onnx"), providers=["CPUExecutionProvider"])
        [output] = session.run(None, {session.get_inputs()[0].name: value})
        np.save(folder / f"{network}.input.npy", value)
        np.save(folder / f"{network}.output.npy", output)


match sys.argv[1:]:
    case ["pages", folder]:
        write_pages(Path(folder))
    case ["read", onnx_folder, folder]:
        read_pages(Path(onnx_folder), Path(folder))
    case ["networks", onnx_folder, folder]:
        run_networks(Path(onnx_folder), Path(folder))
    case _:
        sys.exit(__doc__)
