"""Page with the map of a clustering and players for its clusters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from qtokfeatures.studio.listening import compact_uri
from qtokfeatures.studio.page import (
    Markup,
    cards,
    element,
    join,
    page,
    picture,
    player,
    section,
    spots,
    table,
)
from qtokfeatures.viz.clip_map import map_figure, mark_positions
from qtokfeatures.viz.figures import figure_png
from qtokfeatures.viz.projection import Projection
from qtokfeatures.viz.waveform import Signal

_MOST_KINDS = 4
_MOST_LISTED = 60


@dataclass(frozen=True)
class ClusteredClip:
    """A clip of a page: its length in seconds, class if known, and ``data:`` URL if played."""

    name: str
    cluster: int
    duration_s: float
    kind: str = ""
    audio: str | None = None


class ClusterSound(NamedTuple):
    """Audio (sample,) that represents a cluster, its rate in Hz, and how it was made."""

    y: Signal
    sr: int
    origin: str


class ClusterMap(NamedTuple):
    """PNG content of a map, its caption, and the places in it that play a clip."""

    png: bytes
    caption: str
    spots: Markup


def cluster_report(
    clips: Sequence[ClusteredClip],
    drawn: ClusterMap,
    *,
    title: str,
    lead: str = "",
    prototypes: Mapping[int, ClusterSound] | None = None,
) -> str:
    """Return an HTML page with the map and, cluster by cluster, players."""
    return page(title, [*map_blocks(drawn), *cluster_sections(clips, prototypes)], lead=lead)


def draw_cluster_map(
    clips: Sequence[ClusteredClip], projection: Projection, *, title: str, kind_title: str = ""
) -> ClusterMap:
    """Draw clips, coloured by class where one is known, else by cluster."""
    known = any(clip.kind for clip in clips)
    figure = map_figure(
        projection,
        names=[clip.name for clip in clips],
        groups=[clip.kind if known else cluster_name(clip.cluster) for clip in clips],
        group_title=kind_title if known else "",
        title=title,
    )
    places = spots(
        mark_positions(figure, projection.xy),
        [clip.name for clip in clips],
        [_anchor(index) if clip.audio else None for index, clip in enumerate(clips)],
    )
    return ClusterMap(figure_png(figure), projection.caption, join(places))


def map_blocks(drawn: ClusterMap) -> list[Markup]:
    """Return the map as blocks of a page."""
    caption = f"{drawn.caption} Touch a mark to hear the clip."
    return [picture(drawn.png, alt="map of the clips", caption=caption, spots=[drawn.spots])]


def cluster_name(cluster: int) -> str:
    """Return the name of a cluster on a page; −1 is for clips in none."""
    return "no cluster" if cluster < 0 else f"cluster {cluster}"


def cluster_sections(
    clips: Sequence[ClusteredClip], prototypes: Mapping[int, ClusterSound] | None = None
) -> list[Markup]:
    """Return a table of the clusters, and one section of players for each of them."""
    members: dict[int, dict[int, ClusteredClip]] = {}
    for index, clip in enumerate(clips):
        members.setdefault(clip.cluster, {})[index] = clip
    clusters = sorted(members.items(), key=lambda item: (item[0] < 0, item[0]))
    sounds = prototypes or {}
    sections = [_cluster_section(number, clips, sounds.get(number)) for number, clips in clusters]
    return [_overview(clusters), *sections]


def _overview(clusters: Sequence[tuple[int, Mapping[int, ClusteredClip]]]) -> Markup:
    rows = [
        (
            element("a", cluster_name(cluster).capitalize(), href=f"#{_section_anchor(cluster)}"),
            len(members),
            _composition(members.values()) or _some_names(members.values()),
        )
        for cluster, members in clusters
    ]
    return table(("cluster", "clips", "contents"), rows)


def _cluster_section(
    cluster: int, members: Mapping[int, ClusteredClip], prototype: ClusterSound | None
) -> Markup:
    played = [
        player(
            clip.name,
            clip.audio,
            note=", ".join(part for part in (clip.kind, f"{clip.duration_s:.1f} s") if part),
            anchor=_anchor(index),
        )
        for index, clip in members.items()
        if clip.audio
    ]
    silent = [clip.name for clip in members.values() if not clip.audio]
    count = f"{len(members)} clip{'s' if len(members) > 1 else ''}"
    composition = _composition(members.values())
    return section(
        f"{cluster_name(cluster).capitalize()}: {count}",
        element("p", composition, class_="faint") if composition else "",
        _prototype_card(cluster, prototype) if prototype else "",
        cards(played),
        element("p", _listing(silent), class_="faint") if silent else "",
        anchor=_section_anchor(cluster),
    )


def _prototype_card(cluster: int, prototype: ClusterSound) -> Markup:
    name = f"What {cluster_name(cluster)} sounds like"
    return cards([player(name, compact_uri(prototype.y, prototype.sr), note=prototype.origin)])


def _composition(clips: Iterable[ClusteredClip]) -> str:
    kinds = Counter(clip.kind for clip in clips if clip.kind)
    shown = [f"{count} {kind}" for kind, count in kinds.most_common(_MOST_KINDS)]
    rest = len(kinds) - len(shown)
    more = [f"{rest} other kind{'s' if rest > 1 else ''}"] if rest > 0 else []
    return ", ".join(shown + more)


def _some_names(clips: Iterable[ClusteredClip]) -> str:
    names = [clip.name for clip in clips]
    more = ["…"] if len(names) > _MOST_KINDS else []
    return ", ".join(names[:_MOST_KINDS] + more)


def _listing(names: Sequence[str]) -> str:
    hidden = len(names) - _MOST_LISTED
    tail = f" and {hidden} more" if hidden > 0 else ""
    return f"Without a player here: {', '.join(names[:_MOST_LISTED])}{tail}."


def _section_anchor(cluster: int) -> str:
    return "no-cluster" if cluster < 0 else f"cluster-{cluster}"


def _anchor(index: int) -> str:
    return f"clip-{index}"
