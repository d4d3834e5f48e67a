"""The plots of docs/reference/benchmarks.md."""

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

COLOURS = {"C++": "#555555", "v8snap": "#c2410c"}
OTHERS = "#94a3b8"
WIDTH = 9  # inches
BAR = 0.22
NARROW = 20  # a scale with so little on it has more numbers


def _colour(name):
    return COLOURS.get(name.partition(",")[0], OTHERS)


def _plain(value, _place):
    return f"{value:,g}"


def _plain_now_and_then(value, _place):
    """At 2 and 5 of each decade."""
    return f"{value:,g}" if f"{value:e}"[0] in "25" else ""


def _races(data, beginning):
    return [race for race in data["races"] if race["key"].startswith(beginning)]


def _save(figure, folder, name):
    FigureCanvasSVG(figure)
    figure.savefig(folder / f"benchmarks-{name}.svg", format="svg", bbox_inches="tight", metadata={"Date": None})


def _bars(axes, race):
    """Ratios to the first row, on a scale of decades; with quartiles."""
    lanes = [lane for lane in race["lanes"] if "ratio" in lane]
    ratios = [lane["ratio"] for lane in lanes]
    middles = [ratio["median"] for ratio in ratios]
    errors = [
        [ratio["median"] - ratio["low"] for ratio in ratios],
        [ratio["high"] - ratio["median"] for ratio in ratios],
    ]
    places = range(len(lanes))
    axes.barh(places, middles, xerr=errors, color=[_colour(lane["name"]) for lane in lanes], ecolor="#334155")
    axes.set_yticks(places, [lane["name"] for lane in lanes], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(_plain)
    axes.xaxis.set_minor_formatter(NullFormatter() if max(middles) / min(middles) > NARROW else _plain_now_and_then)
    axes.axvline(1, color="#555555", linewidth=0.8)
    axes.set_title(race["column"], fontsize=10, loc="left")
    for place, ratio in zip(places, ratios, strict=True):
        text = f" {float(format(ratio['median'], '.3g')):,g}×"
        axes.annotate(text, (ratio["high"], place), fontsize=7, va="center", annotation_clip=False)


def bars(data, beginning, folder, name):
    races = _races(data, beginning)
    rows = [max(1, sum("ratio" in lane for lane in race["lanes"])) for race in races]
    figure = Figure(figsize=(WIDTH, BAR * sum(rows) + 0.6 * len(races)), layout="constrained")
    every = figure.subplots(len(races), 1, squeeze=False, gridspec_kw={"height_ratios": rows})
    for axes, race in zip(every[:, 0], races, strict=True):
        _bars(axes, race)
    every[-1, 0].set_xlabel(f"ratio to {races[0]['base']}, less is faster")
    _save(figure, folder, name)


def _lines(axes, series):
    """`series` has x and y values by name."""
    for name, (xs, ys) in series.items():
        axes.plot(xs, ys, marker="o", label=name, color=_colour(name), linestyle="--" if "," in name else "-")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter(_plain)
    axes.yaxis.set_major_formatter(_plain)
    axes.yaxis.set_minor_formatter(_plain_now_and_then)
    axes.legend()


def growth(data, folder):
    races = sorted(_races(data, "growth-"), key=lambda race: int(race["key"].rpartition("-")[2]))
    series = {}
    for race in races:
        size = int(race["key"].rpartition("-")[2])
        for lane in race["lanes"]:
            if "median" in lane:
                xs, ys = series.setdefault(lane["name"], ([], []))
                xs.append(size)
                ys.append(lane["median"] / 1e6)
    figure = Figure(figsize=(WIDTH, 3.5), layout="constrained")
    axes = figure.subplots()
    _lines(axes, series)
    axes.set_xlabel("bytes of JavaScript")
    axes.set_ylabel("ms from start to first result")
    _save(figure, folder, "growth")


def memory(data, folder):
    races = _races(data, "memory-")
    figure = Figure(figsize=(WIDTH, 3.5), layout="constrained")
    every = figure.subplots(1, len(races), squeeze=False)
    for axes, race in zip(every[0], races, strict=True):
        counts = ("1", "10", "100")
        series = {
            lane["name"]: ([int(count) for count in counts], [lane["steps"][count] / 1e6 for count in counts])
            for lane in race["lanes"]
            if "steps" in lane
        }
        _lines(axes, series)
        axes.set_xlabel(race["column"])
        axes.set_ylabel("MB (PSS)")
    _save(figure, folder, "memory")


def write(data, folder):
    """Those that there are figures for."""
    for beginning, name in (("start-memory-", "start"), ("start-process-", "process"), ("call", "calls")):
        if _races(data, beginning):
            bars(data, beginning, folder, name)
    if _races(data, "growth-"):
        growth(data, folder)
    if _races(data, "memory-"):
        memory(data, folder)
