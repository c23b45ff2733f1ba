# SPDX-License-Identifier: MIT
"""What bench_servers.py measured, as medians, ratios within a round, and a table of both."""
import collections
import statistics

import support

GB = 1e9

# Of one server in one scenario. `rate` and `cpu` are of the scenario's unit: requests a second and
# microseconds of CPU for each, or GB a second and seconds of CPU for each. Times are microseconds,
# or None; the ratios are of CPU, to the limit's and to valved's, or None. `busy` is the share of its
# CPU that the server used: where it is little, the load was the slower one, and made the rate.
Row = collections.namedtuple("Row", "rate cpu busy p50 p99 p999 memory to_limit to_valved errors")


def rate(sample, unit):
    amount = sample["bytes"] / GB if unit == "GB" else sample["requests"]
    return amount / sample["seconds"]


def cpu(sample, unit):
    """None where nothing was answered."""
    if unit == "GB":
        return sample["cpu_us"] / 1e6 / (sample["bytes"] / GB) if sample["bytes"] else None
    return sample["cpu_us"] / sample["requests"] if sample["requests"] else None


def median(values):
    """Of those that are there; None if there is none."""
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def _ratios(samples, others, unit):
    """Of two servers, round by round."""
    for sample in samples:
        for other in others:
            if other["round"] == sample["round"]:
                above, below = cpu(sample, unit), cpu(other, unit)
                yield above / below if above is not None and below else None


def _times(samples, unit):
    """Percentiles. Of a few large answers, the last of them cut off, there are none."""
    keys = ("p50_us", "p99_us", "p999_us")
    return [median(sample.get(key) for sample in samples) if unit != "GB" else None for key in keys]


def _row(samples, limit, valved, unit):
    return Row(
        median(rate(sample, unit) for sample in samples),
        median(cpu(sample, unit) for sample in samples),
        median(sample["cpu_us"] / 1e6 / sample["seconds"] for sample in samples),
        *_times(samples, unit),
        median(sample["memory"] for sample in samples),
        median(_ratios(samples, limit, unit)), median(_ratios(samples, valved, unit)),
        sum(sample["errors"] for sample in samples))


def rows(figures, scenarios):
    """{scenario: {server: Row}}, of what was measured, in the order of the scenarios."""
    taken = collections.defaultdict(lambda: collections.defaultdict(list))
    for sample in figures["samples"]:
        taken[sample["scenario"]][sample["server"]].append(sample)
    result = {}
    for name, scenario in scenarios.items():
        servers = taken.get(name, {})
        limit = servers.get(scenario.servers[0], [])
        valved = next((servers[title] for title in servers if title.startswith("valved")), [])
        if servers:
            result[name] = {title: _row(samples, limit, valved, scenario.unit)
                            for title, samples in servers.items()}
    return result


def _cell(value, form, scale=1):
    return "-" if value is None else format(value / scale, form)


def _line(title, row):
    """The memory of what is no server is none."""
    return (f"{title:24}{_cell(row.rate, '11.2f' if row.rate < 1000 else '11.0f'):>11}"
            f"{_cell(row.cpu, '9.2f'):>9}{row.busy:>6.0%}{_cell(row.to_limit, '8.2f'):>8}"
            f"{_cell(row.to_valved, '8.2f'):>8}{_cell(row.p50, '10.0f'):>10}"
            f"{_cell(row.p99, '10.0f'):>10}{_cell(row.p999, '10.0f'):>10}"
            f"{_cell(row.memory or None, '9.1f', support.MIB):>9}"
            + (f"   {row.errors} ERRORS" if row.errors else ""))


def count_of(rounds):
    return f"medians of {rounds} rounds" if rounds > 1 else "one round"


def heading(figures):
    """Machine, programs, and what to beware of."""
    on = figures["machine"]
    yield (f"{on['cpu']}, {on['cpus']} CPUs, Linux {on['kernel']}, files on {on['filesystem']}, "
           f"load average at the start {on['load']}")
    yield (f"{figures['socket']} sockets, {count_of(figures['rounds'])} of "
           f"{figures['seconds']:g} s each")
    for program, version in figures["versions"].items():
        yield f"  {program:12}{version}"
    for title, why in figures["absent"].items():
        yield f"  left out: {title}: {why}"
    for warning in figures["warnings"]:
        yield f"WARNING: {warning}"


def lines(figures, scenarios):
    yield from heading(figures)
    for name, servers in rows(figures, scenarios).items():
        scenario = scenarios[name]
        count, each = ("GB/s", "s a GB") if scenario.unit == "GB" else ("requests/s", "us each")
        limit = scenario.servers[0]
        yield ""
        yield f"{scenario.title} ({name}); x limit: to {limit}"
        yield (f"{'':24}{count:>11}{'CPU':>9}{'busy':>6}{'x limit':>8}{'x valved':>9}{'p50 us':>9}"
               f"{'p99 us':>10}{'p99.9 us':>10}{'MiB':>9}")
        yield f"{'':24}{'':11}{each:>9}"
        for title in scenario.servers:
            if title in servers:
                yield _line(title, servers[title])


def show(figures, scenarios):
    print("\n".join(lines(figures, scenarios)))
