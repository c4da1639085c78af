"""What no single field of a workload can tell: empty lists, names used twice, wanted and excluded."""

from __future__ import annotations

from solver.domain.workload import HardwarePolicy, Service, Site, StatedApi, Workload
from solver.inputs.draft import Draft
from solver.inputs.time_consistency import check_time
from solver.inputs.validation import nearest, shorten

LEAST_RPS = 1e-9  # a service's largest rate


def check_consistency(draft: Draft, workload: Workload) -> None:
    """Complain about statements that are fine alone and wrong together."""
    _check_names(draft, workload)
    for index, service in enumerate(workload.services):
        if service.site_loss_share is not None and service.levels.deadline_hours is not None:
            words = "work with a deadline waits for the site to come back"
            draft.complain(f"services.{index}.site_loss_share", words, "leave site_loss out")
        _check_service(
            draft,
            f"services.{index}",
            service.precisions,
            service.acquisitions,
            service.serving,
            service.kv_precisions,
        )
        _check_serving(draft, f"services.{index}", service)
        if 0 < max(service.demand.rate_rps, default=0.0) < LEAST_RPS:
            words = f"at most {max(service.demand.rate_rps):.3g} requests/s, one in more than 30 years"
            draft.complain(f"services.{index}.demand.rate_rps", words, "check the unit, or leave it out")
        if service.lengths_are == "numbers" and (
            workload.hardware.profiles != "only" or "api" in service.acquisitions
        ):
            words = "lengths that are numbers of buckets tell no physics and no API what a request takes"
            remedy = "write profiles: only, and acquisitions without api"
            draft.complain(f"services.{index}.lengths_are", words, remedy)
        if service.starts and service.ends and service.ends <= service.starts:
            draft.complain(
                f"services.{index}.ends", f"ends {service.ends} before it starts", "write a later month"
            )
    check_time(draft, workload)
    _check_hardware(draft, workload.hardware)
    _check_profiles(draft, workload)
    _check_regions(draft, workload)


def _check_names(draft: Draft, workload: Workload) -> None:
    lists = {
        "services": [service.name for service in workload.services],
        "sites": [site.name for site in workload.sites],
        "regions": [region.name for region in workload.regions],
        "apis": [api.name for api in workload.apis],
        "offers": [offer.id for offer in workload.offers],
        "profiles": [profile.id for profile in workload.profiles],
    }
    for key, names in lists.items():
        if not names and key in ("services", "sites"):
            draft.complain(key, f"the list of {key} is empty", "write at least one")
        for index, name in enumerate(names):
            if name in names[:index]:
                path = f"{key}.{index}.{'id' if key in ('offers', 'profiles') else 'name'}"
                draft.complain(path, f"the name '{shorten(name)}' is used twice", "rename one of the two")


def _check_hardware(draft: Draft, hardware: HardwarePolicy) -> None:
    for index, system in enumerate(hardware.exclude):
        if system in hardware.include or system in hardware.minimum:
            path = f"hardware.exclude.{index}"
            draft.complain(path, f"'{shorten(system)}' is both wanted and excluded", "keep one of the two")
    for key in ("supply", "minimum", "owned", "supplier_supply"):
        for name, count in getattr(hardware, key).items():
            if count < 0:
                draft.complain(f"hardware.{key}.{name}", f"{count:g} systems", "write 0 or more")
    for vendor, share in hardware.vendor_share.items():
        if not 0 <= share <= 1:
            draft.complain(f"hardware.vendor_share.{vendor}", f"a share of {share:g}", "write 0 % to 100 %")


def _check_regions(draft: Draft, workload: Workload) -> None:
    """Regions, sites and jurisdictions that are named exist; a residency permits something."""
    stated = {name for service in workload.services for name in service.demand.regions}
    sites = {site.name for site in workload.sites}
    places: dict[str, tuple[Site | StatedApi, ...]] = {"sites": workload.sites, "apis": workload.apis}
    jurisdictions = {place.jurisdiction for group in places.values() for place in group if place.jurisdiction}
    named: list[tuple[str, str, set[str], str]] = []
    for n, region in enumerate(workload.regions):
        named.append((f"regions.{n}.name", region.name, stated, "region in any demand"))
    for key, group in places.items():
        for n, place in enumerate(group):
            for name, trip in place.round_trip_by_region_ms.items():
                path = f"{key}.{n}.round_trip_by_region_ms.{name}"
                named.append((path, name, stated, "region in any demand"))
                if trip < 0:
                    draft.complain(path, f"a round trip of {trip:g} ms", "write 0 or more")
    statements = [(f"services.{n}", s.residency) for n, s in enumerate(workload.services)]
    statements += [(f"regions.{n}", r.residency) for n, r in enumerate(workload.regions)]
    for path, residency in statements:
        if residency is None:
            continue
        named += [(f"{path}.residency", name, sites, "site") for name in residency.sites]
        named += [
            (f"{path}.residency", name, jurisdictions, "site or API with jurisdiction")
            for name in residency.jurisdictions
        ]
        if not (residency.sites or residency.jurisdictions or residency.apis):
            draft.complain(f"{path}.residency", "no place is permitted", "name jurisdictions, sites or apis")
    for path, name, known, kind in named:
        if name not in known:
            near = nearest(name, known)
            remedy = (
                f"did you mean '{near}'?" if near else f"known: {', '.join(sorted(known)) or 'none'}"[:200]
            )
            draft.complain(path, f"there is no {kind} called '{shorten(name)}'", remedy)


def _check_profiles(draft: Draft, workload: Workload) -> None:
    buckets = {service.name: len(service.lengths) for service in workload.services}
    prices: dict[str, float] = {}
    for index, profile in enumerate(workload.profiles):
        path, rates = f"profiles.{index}", profile.requests_per_s
        if profile.service not in buckets:
            words = f"unknown service '{shorten(profile.service)}'"
            draft.complain(f"{path}.service", words, f"write one of {', '.join(buckets)}"[:200])
        elif len(rates) != buckets[profile.service]:
            remedy = f"write {buckets[profile.service]}: one for each length bucket of the service"
            draft.complain(f"{path}.requests_per_s", f"{len(rates)} rates", remedy)
        if any(rate < 0 for rate in rates):
            draft.complain(f"{path}.requests_per_s", "a rate is negative", "write 0 where it cannot serve")
        price = profile.usd_per_hour
        if price is not None and prices.setdefault(profile.system, price) != price:
            words = f"a second price of {shorten(profile.system)}"
            draft.complain(f"{path}.usd_per_hour", words, "state one price per system")


def _check_serving(draft: Draft, path: str, service: Service) -> None:
    """Speculation is stated once and within reason; a cache keeps something."""
    if (drafts := service.speculation) is not None:
        if service.speculative_tokens > 1:
            words = "speculative_tokens and speculation state the same thing"
            draft.complain(f"{path}.speculation", words, "keep one of the two")
        lengths = drafts.draft_tokens
        if not lengths or len(set(lengths)) < len(lengths) or not all(1 <= n <= 16 for n in lengths):
            words = f"draft_tokens is {shorten(list(lengths))}"
            draft.complain(f"{path}.speculation.draft_tokens", words, "write different lengths from 1 to 16")
    shares = service.kv_offload
    if len(set(shares)) < len(shares) or not all(0 < share < 1 for share in shares):
        words = f"kv_offload is {shorten(list(shares))}"
        draft.complain(f"{path}.kv_offload", words, "write different shares such as [50 %, 75 %]")
    if (cache := service.prefix_cache) is not None:
        if service.prefix_hit == 0:
            words = "a prefix cache is kept, but prefix_hit is 0"
            draft.complain(f"{path}.prefix_cache", words, "write prefix_hit: 50 %")
        if not cache.stores or len(set(cache.stores)) < len(cache.stores):
            draft.complain(f"{path}.prefix_cache.stores", "no store, or one twice", "write [memory, host]")


def _check_service(draft: Draft, path: str, *lists: tuple[str, ...]) -> None:
    for name, items in zip(("precisions", "acquisitions", "serving", "kv_precisions"), lists, strict=True):
        if not items or len(set(items)) < len(items):
            problem = f"{name} is empty" if not items else f"{name} names the same thing twice"
            draft.complain(f"{path}.{name}", problem, "write each choice once")
