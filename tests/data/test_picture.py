from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from picture_cases import GUISES, photographed, strokes
from ravine.data import load
from ravine.data.picture import read_picture
from ravine.errors import ConfigError, DataError


def written(picture: np.ndarray | Image.Image, to: Path, **options) -> Path:
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(to, **options)
    return to


def box(pixels: np.ndarray, above: int = 50) -> tuple[int, int, int, int]:
    """Return first row, last row, first column and last column that hold light pixels, by Pillow."""
    left, upper, right, lower = Image.fromarray(pixels).point(lambda value: 255 * (value > above)).getbbox()
    return upper, lower - 1, left, right - 1


def center_of_mass(pixels: np.ndarray) -> np.ndarray:
    rows, columns = np.indices(pixels.shape)
    return np.array([np.average(rows, weights=pixels), np.average(columns, weights=pixels)])


@pytest.fixture
def expected(tmp_path) -> np.ndarray:
    """What the drawing comes to, from its plainest file."""
    return read_picture(written(255 - strokes(), tmp_path / "expected.png")).pixels.astype(int)


@pytest.mark.parametrize("name", GUISES)
def test_one_drawing_in_every_guise_is_one_picture(name, tmp_path, expected):
    GUISES[name](strokes(), tmp_path / name)
    pixels = read_picture(tmp_path / name).pixels
    assert pixels.dtype == np.uint8
    # 16 colors of a palette and the noise of JPEG round the edges of the strokes.
    assert np.abs(pixels - expected).max() <= (24 if "palette" in name or name.endswith("jpg") else 4)


def test_black_and_white_without_grays(tmp_path, expected):
    path = written(Image.fromarray(255 - strokes()).convert("1", dither=Image.Dither.NONE), tmp_path / "one-bit.png")
    assert np.abs(read_picture(path).pixels - expected).mean() < 4


def test_a_photograph(tmp_path, expected):
    path = written(photographed(strokes()), tmp_path / "photo.jpg", quality=75)
    picture = read_picture(path)
    assert np.abs(picture.pixels - expected).mean() < 4
    assert picture.done[-1] == "cropped to 54 x 79, scaled to 14 x 20, centered"  # neither noise nor shadow is ink


@pytest.mark.parametrize("shift", [(0, 0), (-20, -25), (21, 21), (-20, 21)])
@pytest.mark.parametrize("columns", [100, 250])
def test_where_it_lies_on_the_page_does_not_matter(shift, columns, tmp_path, expected):
    path = written(255 - strokes(columns=columns, shift=shift), tmp_path / "moved.png")
    assert np.abs(read_picture(path).pixels - expected).max() <= 4


@pytest.mark.parametrize("times", [0.3, 0.5, 3, 12, 30])
def test_its_size_does_not_matter(times, tmp_path, expected):
    page = Image.fromarray(255 - strokes())
    page = page.resize((round(page.width * times), round(page.height * times)), Image.Resampling.BICUBIC)
    pixels = read_picture(written(page, tmp_path / "sized.png")).pixels
    assert np.abs(pixels - expected).mean() < 5


def test_as_mnist_was_made(tmp_path):
    """Check the figures of LeCun et al. (1998): 20 pixels for the longer side, the center of mass in the middle."""
    draw = ImageDraw.Draw(tall := Image.new("L", (300, 400), 255))
    draw.polygon([(30, 40), (130, 40), (30, 240)], fill=0)
    for name, page, sides in (("tall", tall, (20, 10)), ("wide", tall.rotate(90, expand=True), (10, 20))):
        pixels = read_picture(written(page, tmp_path / f"{name}.png")).pixels
        top, bottom, left, right = box(pixels, above=0)
        assert (bottom - top + 1, right - left + 1) == sides
        assert np.abs(center_of_mass(pixels) - 14).max() <= 0.5
        assert pixels.max() == 255


def test_as_fashion_mnist_was_made(tmp_path):
    """Check the figures of Xiao et al. (2017): 28 pixels for the longer side, its box in the middle, its tones kept."""
    page = Image.new("RGB", (400, 300), "white")
    ImageDraw.Draw(page).rectangle((100, 20, 199, 219), fill=(155, 155, 155))
    ImageDraw.Draw(page).rectangle((100, 120, 199, 219), fill=(55, 55, 55))
    pixels = read_picture(written(page, tmp_path / "dress.png"), "fashion-mnist").pixels
    assert box(pixels) == (0, 27, 7, 20)
    assert pixels[5, 14] == pytest.approx(127, abs=3)
    assert pixels[22, 14] == 255


def test_pictures_of_mnist_are_taken_as_they_are(tmp_path):
    images = load("mnist").test.features[::100].reshape(-1, 28, 28)
    for number, pixels in enumerate(images):
        for mode in ("L", "RGB", "RGBA"):
            picture = read_picture(written(Image.fromarray(pixels).convert(mode), tmp_path / f"{number}.png"))
            assert np.array_equal(picture.pixels, pixels)
            assert picture.done == ()


def test_a_digit_of_mnist_out_of_its_place_is_put_back(tmp_path):
    pixels = load("mnist").test.features[0].reshape(28, 28)
    moved = np.roll(pixels, (-4, 3), axis=(0, 1))
    picture = read_picture(written(moved, tmp_path / "moved.png"))
    assert np.abs(picture.pixels.astype(int) - pixels).mean() < 3
    assert picture.done


def test_what_was_done_is_told(tmp_path):
    ink = strokes()
    left, upper, right, lower = Image.fromarray(ink).point(lambda value: 255 * (value > 50)).getbbox()
    size = f"cropped to {right - left} x {lower - upper}, scaled to 14 x 20, centered"

    def told(name: str) -> tuple[str, ...]:
        GUISES[name](ink, tmp_path / name)
        return read_picture(tmp_path / name).done

    assert told("dark-on-light.png") == ("dark on light, inverted", size)
    assert told("light-on-dark.png") == ("light on dark", size)
    assert told("white-on-nothing.png")[:2] == ("transparent, put on black", "light on dark")
    assert told("black-on-nothing.png")[:2] == ("transparent, put on white", "dark on light, inverted")
    assert told("red-on-green.png")[0] == "told from its background by color"
    assert told("turned.jpg")[0] == "turned upright"
    assert told("gray-32-bit.tif")[0] == "numbers from -200 to 565 shown as black to white"
    frames = [Image.fromarray(255 - strokes(shift=(0, shift))) for shift in (0, 5, 10)]
    frames[0].save(tmp_path / "three.gif", save_all=True, append_images=frames[1:])
    assert read_picture(tmp_path / "three.gif").done[0] == "the first of 3 frames"


def test_a_large_page_is_measured_in_its_own_pixels(tmp_path):
    page = Image.new("L", (4000, 3000), 240)
    page.paste(Image.fromarray(255 - strokes()).resize((500, 600)).point(lambda value: min(value, 240)), (3400, 2300))
    *_, size = read_picture(written(page, tmp_path / "large.jpg")).done
    width, height = (int(word) for word in size.removeprefix("cropped to ").split(",")[0].split(" x "))
    assert width == pytest.approx(5 * 52, abs=15)
    assert height == pytest.approx(5 * 79, abs=15)


def test_specks_are_left_out(tmp_path, expected):
    page = 255 - strokes(rows=300, columns=300, shift=(90, 100))
    page[3:5, 280:282] = page[290:293, 6:9] = 0
    assert np.abs(read_picture(written(page, tmp_path / "specks.png")).pixels - expected).max() <= 4


def test_ink_may_touch_the_border(tmp_path, expected):
    cut = (255 - strokes())[20:]  # through the upper edge of the bar
    assert np.abs(read_picture(written(cut, tmp_path / "touching.png")).pixels - expected).max() <= 4


@pytest.mark.parametrize("margin", [1, 2])
def test_the_smallest_sevens(margin, tmp_path):
    seven = np.array([[1, 1, 1, 1, 1], [0, 0, 0, 1, 0], [0, 0, 1, 0, 0], [0, 1, 0, 0, 0], [0, 1, 0, 0, 0]])
    pixels = read_picture(written(np.pad(255 * seven, margin).astype(np.uint8), tmp_path / "small.png")).pixels
    top, bottom, left, right = box(pixels, above=0)
    assert (bottom - top, right - left) == (19, 19)
    assert pixels[top + 2, left + 2 : right - 2].min() > 200  # the bar
    assert pixels[bottom - 2, right - 4] == 0


def test_a_line_of_one_pixel_is_seen(tmp_path):
    page = Image.new("L", (1500, 2000), 255)
    ImageDraw.Draw(page).line([(400, 400), (1000, 400), (600, 1600)], fill=0, width=1)
    picture = read_picture(written(page, tmp_path / "thin.png"))
    top, bottom, *_ = box(picture.pixels, above=20)
    assert bottom - top + 1 == 20


def noise(kind: str) -> np.ndarray:
    rng = np.random.default_rng(11)
    if kind == "uniform":
        return rng.integers(0, 256, (90, 90), dtype=np.uint8)
    if kind == "normal":
        return np.clip(rng.normal(128, 25, (150, 150)), 0, 255).astype(np.uint8)
    if kind == "color":
        return rng.integers(0, 256, (28, 28, 3), dtype=np.uint8)
    if kind == "scene":
        coarse = Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8))
        return np.asarray(coarse.resize((240, 240), Image.Resampling.BICUBIC))
    return np.where(rng.random((120, 120)) < float(kind), 255, 0).astype(np.uint8)


def side_by_side(*digits: np.ndarray) -> np.ndarray:
    return 255 - np.concatenate(digits, axis=1)


REFUSED = {
    "white.png": (np.full((50, 40), 255, np.uint8), "nothing that stands out"),
    "black.png": (np.zeros((28, 28), np.uint8), "nothing that stands out"),
    "blank.jpg": ((noise("normal") // 64 + 220).astype(np.uint8), "nothing that stands out"),
    "faint.png": ((250 - strokes() // 40).astype(np.uint8), "nothing that stands out"),
    "gradient.png": (np.tile(np.arange(200, dtype=np.uint8), (200, 1)), "nothing that stands out"),
    "uniform.png": (noise("uniform"), "uneven or noisy"),
    "normal.jpg": (noise("normal"), "uneven or noisy"),
    "color.png": (noise("color"), "uneven or noisy"),
    "scene.jpg": (noise("scene"), "uneven or noisy"),
    "grains.png": (noise("0.03"), "shows noise"),
    "more-grains.png": (noise("0.3"), "shows noise"),
    "half-grains.png": (noise("0.5"), "shows noise|plain background"),
    "two.png": (side_by_side(strokes(), strokes()), "several characters"),
    "stacked.png": (255 - np.concatenate([strokes(), strokes()]), "several characters"),
    "row.png": (np.pad(np.zeros((20, 90), np.uint8), 9, constant_values=255), "several characters"),
    "square.png": (np.pad(np.zeros((60, 50), np.uint8), 30, constant_values=255), "full rectangle"),
    "frame.png": (np.pad(np.full((90, 90), 255, np.uint8), 3), "too little plain background"),
    "halves.png": (
        np.repeat(np.array([[0, 255]], np.uint8), 50, axis=1).repeat(100, axis=0),
        "plain background|full rectangle",
    ),
    "dot.png": (np.pad(np.zeros((3, 3), np.uint8), 20, constant_values=255), "3 x 3 pixels of ink"),
    "pixel.png": (np.zeros((1, 1), np.uint8), "has 1 x 1 pixels"),
    "clear.png": (Image.new("RGBA", (30, 30), (0, 0, 0, 0)), "transparent all over"),
    "nan.tif": (np.where(strokes() > 99, np.nan, 0).astype(np.float32), "not finite"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_picture_that_fits_no_reading_is_refused(name, tmp_path):
    picture, words = REFUSED[name]
    with pytest.raises(DataError, match=words) as refusal:
        read_picture(written(picture, tmp_path / name))
    assert str(refusal.value).startswith(str(tmp_path / name))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("dataset", ["fashion-mnist", "kmnist"])
def test_a_black_picture_of_the_very_size_shows_nothing(dataset, tmp_path):
    with pytest.raises(DataError, match="nothing that stands out"):
        read_picture(written(np.zeros((28, 28), np.uint8), tmp_path / "black.png"), dataset)


def test_files_that_are_no_pictures_are_refused(tmp_path):
    whole = written(np.random.default_rng(0).integers(0, 256, (90, 90), dtype=np.uint8), tmp_path / "whole.png")
    contents = {
        "text.png": (b"hello", "not a picture of a known format"),
        "empty.jpg": (b"", "not a picture of a known format"),
        "page.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture of a known format"),
        "print.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture of a known format"),
        "half.png": (whole.read_bytes()[:2000], "damaged"),
        "head.png": (whole.read_bytes()[:40], "not a picture of a known format"),
    }
    for name, (content, words) in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=f"{name} .*{words}"):
            read_picture(tmp_path / name)
    with pytest.raises(DataError, match=r"cannot read .*nothing\.png: No such file"):
        read_picture(tmp_path / "nothing.png")
    with pytest.raises(DataError, match="cannot read"):
        read_picture(tmp_path)


@pytest.mark.parametrize("size", [(10_000, 9_500), (15_000, 12_000)])
def test_a_picture_that_would_fill_the_memory_is_refused(size, tmp_path):
    path = written(Image.new("1", size), tmp_path / "bomb.png")
    with pytest.raises(DataError, match="more than 89 million pixels; scale it down"):
        read_picture(path)


def test_a_data_set_must_be_known(tmp_path):
    with pytest.raises(ConfigError, match="unknown data set 'mnits'; did you mean 'mnist'"):
        read_picture(tmp_path / "any.png", "mnits")
