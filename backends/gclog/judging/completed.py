"""Collections that the log completes after it told of them. Pure."""

from msgspec import structs

from backends.gclog.events import Collected, Sized


def with_regions(event: Collected, region_kib: float) -> Collected:
    """G1: the size of a region became known, so its counts become sizes."""
    if event.regions is None:
        return event
    old, humongous_kib = event.regions.old(region_kib, event.heap), event.regions.humongous_kib(region_kib)
    return structs.replace(event, old=old, basis="regions", humongous_kib=humongous_kib, regions=None)


def with_sizes(event: Collected, sized: Sized) -> Collected:
    """Detail lines behind it told its pools."""
    return structs.replace(event, heap=sized.heap, old=sized.old, basis=sized.basis)
