"""The packets inside an Ogg file, so that a bit rate can leave the container out."""

from __future__ import annotations

from qtokfeatures.exceptions import InputError

_HEADER_BYTES = 27
_FULL_SEGMENT = 255


def packet_sizes(data: bytes) -> list[int]:
    """List the sizes of the packets of an Ogg file with one stream.

    Parameters
    ----------
    data : bytes
        The file.

    Returns
    -------
    list of int
        Bytes of each packet, headers of the stream included, pages and lacing not.

    Raises
    ------
    InputError
        If the bytes are not a whole number of Ogg pages.

    References
    ----------
    RFC 3533, The Ogg Encapsulation Format, section 6.

    Examples
    --------
    >>> page = b"OggS" + bytes(22) + bytes([3, 255, 1, 7]) + bytes(255 + 1 + 7)
    >>> packet_sizes(page)
    [256, 7]
    """
    sizes, open_packet, position = [], 0, 0
    while position < len(data):
        segments = _segment_table(data, position)
        for segment in segments:
            open_packet += segment
            if segment < _FULL_SEGMENT:
                sizes.append(open_packet)
                open_packet = 0
        position += _HEADER_BYTES + len(segments) + sum(segments)
    if position != len(data):
        raise InputError(f"the last Ogg page ends {position - len(data)} bytes after the data")
    return sizes


def _segment_table(data: bytes, position: int) -> bytes:
    header = data[position : position + _HEADER_BYTES]
    if len(header) < _HEADER_BYTES or not header.startswith(b"OggS"):
        raise InputError(f"no Ogg page at byte {position}")
    start = position + _HEADER_BYTES
    return data[start : start + header[-1]]
