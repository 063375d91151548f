"""A video decoded on a card, whose pictures stay there: no pixel passes through the processor's memory.

The decoder lends each picture in one of a few surfaces, which it uses again. So a picture is converted to RGB, in
memory of its own, before the next is asked for. It has not run on a card yet: `bench card` alone uses it.
"""

from collections.abc import Iterator
from pathlib import Path

import torch
from av import FFmpegError, VideoFrame
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from torch import Tensor
from torch.utils.dlpack import from_dlpack

from maskwatch.core.errors import SourceError
from maskwatch.sources.decoding import open_container, pixel_aspect, reason, video_stream

# the shares of red and blue in the luma, by FFmpeg's number of the colour space
LUMA = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 7: (0.212, 0.087), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}
BT601 = 0.299, 0.114  # of all others, as FFmpeg has it
FULL_RANGE = 2  # FFmpeg's number of luma and chroma from 0 to 255


def images_on_card(footage: Path, device: torch.device) -> Iterator[Tensor]:
    """The pictures of a video in their order, upright, `(H, W, 3)` uint8 RGB on `device`; to be used on one thread.

    Raises `SourceError` when it cannot be decoded there.
    """
    name = footage.name
    with _opened(footage, device) as container:
        stream = video_stream(container, name)
        if not stream.codec_context.is_hwaccel:
            raise SourceError(f"{name}: the card does not decode its codec")
        stream.thread_type = "NONE"
        try:
            for image in container.decode(stream):
                if pixel_aspect(stream, image) != 1:
                    raise SourceError(f"{name}: its pixels are not square")
                yield rgb_on_card(image, name)
        except FFmpegError as e:
            raise SourceError(f"{name}: {reason(e)}") from e


def rgb_on_card(image: VideoFrame, name: str) -> Tensor:
    """The picture, upright, `(H, W, 3)` uint8 RGB, where its planes lie, in memory of its own.

    Raises `SourceError`, naming the video, for any but NV12 with even sides.
    """
    layout = (image.sw_format or image.format).name
    if layout != "nv12" or image.width % 2 or image.height % 2:
        raise SourceError(f"{name}: a picture of {image.width} x {image.height} px in {layout} is not taken")
    # a capsule, as `torch.from_dlpack` asks for a stream, which PyAV refuses: both use the card's default one
    luma, chroma = (from_dlpack(plane.__dlpack__()) for plane in image.planes)
    shares = LUMA.get(int(image.colorspace), BT601)
    rgb = _converted(luma, chroma, shares, is_full=int(image.color_range) == FULL_RANGE)
    upright = torch.rot90(rgb, round(image.rotation / 90)).contiguous()
    if upright.device.type == "cuda":
        # the surface may go back only after it was read
        torch.cuda.current_stream(upright.device).synchronize()
    return upright


def _opened(footage: Path, device: torch.device) -> InputContainer:
    """FFmpeg takes the context that is current on this thread, which is torch's: in another one pointers mean nothing."""
    options: dict[str, object] = {"primary_ctx": "0", "current_ctx": "1"}
    accelerator = HWAccel("cuda", device=device.index or 0, options=options, is_hw_owned=True)
    with torch.cuda.device(device):
        torch.empty(1, device=device)  # now there is a context
        try:
            return open_container(str(footage), accelerator=accelerator)
        except FFmpegError as e:
            raise SourceError(f"{footage.name}: {reason(e)}") from e


def _converted(luma: Tensor, chroma: Tensor, shares: tuple[float, float], *, is_full: bool) -> Tensor:
    """RGB `(H, W, 3)` uint8 of luma `(H, W)` and chroma `(H / 2, W / 2, 2)`; each chroma is that of four pixels, as FFmpeg has it."""
    red, blue = shares
    green = 1 - red - blue
    least, luma_gain, chroma_gain = (0, 1.0, 1.0) if is_full else (16, 255 / 219, 255 / 224)
    light = (luma.float() - least) * luma_gain
    to_blue, to_red = ((chroma.float() - 128) * (2 * chroma_gain)).unbind(2)
    to_blue, to_red = to_blue * (1 - blue), to_red * (1 - red)
    colour = torch.stack((to_red, -(red * to_red + blue * to_blue) / green, to_blue), 2)
    height, width = luma.shape
    rgb = light.reshape(height // 2, 2, width // 2, 2, 1) + colour[:, None, :, None]
    return rgb.round().clamp(0, 255).to(torch.uint8).reshape(height, width, 3)
