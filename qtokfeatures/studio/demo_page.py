"""The page that `qtok demo` leaves behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qtokfeatures.studio.cluster_page import (
    ClusteredClip,
    ClusterMap,
    cluster_sections,
    map_blocks,
)
from qtokfeatures.studio.page import element, page, section
from qtokfeatures.studio.roundtrip import Roundtrip
from qtokfeatures.studio.roundtrip_page import roundtrip_blocks


def demo_report(
    clips: Sequence[ClusteredClip],
    drawn: ClusterMap,
    roundtrips: Sequence[tuple[Roundtrip, Mapping[str, bytes]]],
    *,
    title: str,
    lead: str = "",
) -> str:
    """Return a page with the map, the clusters, and clips decoded from their tokens.

    Parameters
    ----------
    clips : sequence of ClusteredClip
        All clips, in the order of the map.
    drawn : ClusterMap
        From ``draw_cluster_map``.
    roundtrips : sequence of (Roundtrip, mapping of bytes)
        Clips to compare with their originals, and their pictures.
    title : str
        The page's heading.
    lead : str
        One paragraph below it.

    Returns
    -------
    str
        A complete HTML document that needs nothing else.
    """
    decoded = [
        section(f"Decoded from tokens: {one.name}", *roundtrip_blocks(one, pictures))
        for one, pictures in roundtrips
    ]
    contents = element(
        "p",
        "The map first, then each cluster to listen to, and at the end audio decoded from "
        "tokens beside its original.",
    )
    return page(
        title, [contents, *map_blocks(drawn), *cluster_sections(clips), *decoded], lead=lead
    )
