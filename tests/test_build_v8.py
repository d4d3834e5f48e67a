"""What goes wrong silently where V8 is built from its sources: slow code, lost files, exported symbols, half a V8."""

import ast
import json
import platform
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools" / "v8_build"))
try:
    import compiler
    import finish
    import icu_data
    import ninja_build
    import prepare
    import shared
    import units
finally:
    del sys.path[0]

#: As Gyp writes it: long lines are continued.
GYP = """\
defines = -D_FILE_OFFSET_BITS=64 -DBUILDING_V8_SHARED $
    -DBUILDING_V8_PLATFORM_SHARED '-DV8_EMBEDDER_STRING="-node.53"' -DNDEBUG
includes = -I../../deps/v8
cflags = -fvisibility=hidden -Wall -m64 -O3 $
    -fno-omit-frame-pointer -O3
cflags_cc = -fno-rtti -std=gnu++20
libs = -lz -luv -lnghttp2 -ldl -latomic

build obj/deps/v8/src/base/v8_libbase.bits.o: cxx $
    ../../deps/v8/src/base/bits.cc || obj/needed.stamp
build $
    obj/deps/v8/src/base/v8_libbase.cpu.o: $
    cxx ../../deps/v8/src/base/cpu.cc || obj/needed.stamp
build obj/deps/v8/third_party/highway/v8_libbase.abort.o: cxx ../../deps/v8/third_party/highway/abort.cc
build obj/x.o: cc ../../x.S
build obj/libv8_libbase.a: alink_thin obj/deps/v8/src/base/v8_libbase.bits.o $
    obj/deps/v8/src/base/v8_libbase.cpu.o $
    obj/deps/v8/third_party/highway/v8_libbase.abort.o obj/x.o || obj/needed.stamp
"""


def lines_of(text, start):
    return [line for line in text.splitlines() if line.startswith(start)]


@pytest.mark.parametrize("count", [0, 1, 17, 18, 19, 36, 37, 500])
def test_no_file_is_lost_in_units(count):
    files = [f"{index}.cc" for index in range(count)]
    groups = units.chunks(files, 18)
    assert [file for group in groups for file in group] == files
    assert all(0 < len(group) <= 18 for group in groups)
    assert not groups or max(map(len, groups)) - min(map(len, groups)) <= 1


def test_a_unit_is_split_to_single_files_and_only_then_given_up():
    plan = units.Plan({"v8": [["a.cc", "b.cc", "c.cc"], ["d.cc"]]})
    for expected in (
        [["a.cc"], ["b.cc", "c.cc"], ["d.cc"]],
        [["a.cc"], ["b.cc"], ["c.cc"], ["d.cc"]],
    ):
        failed = {units.unit_object("v8", group) for group in plan.groups["v8"] if "b.cc" in group}
        assert plan.split(failed) == []
        assert plan.groups["v8"] == expected
    assert plan.split({units.unit_object("v8", ["b.cc"])}) == ["b.cc"]


def test_splitting_one_unit_leaves_the_names_of_others_so_that_they_are_not_compiled_again():
    plan = units.Plan()
    files = [f"{index}.cc" for index in range(40)]
    before = [units.unit_object("v8", group) for group in plan.of("v8", files)]
    plan.split({before[1]})
    after = [units.unit_object("v8", group) for group in plan.of("v8", files)]
    assert before[0] == after[0]
    assert before[2] == after[3]
    assert len(set(after)) == 4


def test_what_was_split_is_known_after_a_stop_unless_files_have_changed(tmp_path):
    plan = units.Plan()
    plan.of("v8", ["a.cc", "b.cc"])
    plan.split({units.unit_object("v8", ["a.cc", "b.cc"])})
    plan.save(tmp_path / "units.json")
    again = units.Plan.load(tmp_path / "units.json")
    assert again.of("v8", ["b.cc", "a.cc"]) == [["a.cc"], ["b.cc"]]
    assert again.of("v8", ["a.cc", "c.cc"]) == [["a.cc", "c.cc"]]
    assert units.Plan.load(tmp_path / "none.json").groups == {}


def test_a_target_has_its_units_for_its_files_and_nothing_twice():
    text, objects = units.rewritten(GYP, "v8_libbase", units.Plan())
    [(name, files)] = objects.items()
    assert files == ["../../deps/v8/src/base/bits.cc", "../../deps/v8/src/base/cpu.cc"]
    assert f"build {name}: cxx {name[4:-2]}.cc || obj/needed.stamp" in text
    [library] = lines_of(text, "build obj/libv8_libbase.a")
    assert library == (
        f"build obj/libv8_libbase.a: alink_thin {name} obj/deps/v8/third_party/highway/v8_libbase.abort.o obj/x.o "
        "|| obj/needed.stamp"
    )
    assert "v8_libbase.bits.o" not in text


def test_files_that_compile_themselves_several_times_stay_alone():
    text, objects = units.rewritten(GYP, "v8_libbase", units.Plan())
    assert "cxx ../../deps/v8/third_party/highway/abort.cc" in text
    assert not any("highway" in file for files in objects.values() for file in files)


@pytest.mark.parametrize(("target", "level"), [("v8_libbase", "-O2"), ("torque_base", "-O1")])
def test_there_is_one_optimisation_where_gyp_had_several_or_none(target, level):
    for text in (GYP, GYP.replace("-O3", "")):
        [flags] = lines_of(units.rewritten(text, target, units.Plan())[0], "cflags =")
        assert [word for word in flags.split() if word.startswith("-O")] == [level]
        assert {"-fPIC", "-fvisibility=hidden", "-m64", "-fno-omit-frame-pointer"} <= set(flags.split())


def test_no_define_is_left_that_exports_symbols_and_the_embedder_string_is_whole():
    [defines] = lines_of(units.rewritten(GYP, "v8_libbase", units.Plan())[0], "defines =")
    assert "BUILDING_V8" not in defines
    assert "-DV8_TLS_USED_IN_LIBRARY" in defines
    assert """'-DV8_EMBEDDER_STRING="-node.53"'""" in defines


def test_programs_of_the_build_need_no_library_of_node():
    assert lines_of(units.rewritten(GYP, "mksnapshot", units.Plan())[0], "libs =") == ["libs = -ldl -latomic"]


GOOD = "c++ -DX -O3 -m64 -O2 -fPIC -fvisibility=hidden -w -c units/v8_base/a-1-0.cc -o obj/units/v8_base/a-1-0.o"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (GOOD.replace("-O3 ", "").replace("-O2 ", ""), "no -O at all"),
        (GOOD.replace("-O2", "-O0"), "-O3 -O0"),
        (GOOD.replace("-O2", "-O1"), "-O3 -O1"),
        (GOOD.replace("-fPIC", "-fPIE"), "without -fPIC"),
        (GOOD.replace("-fvisibility=hidden", ""), "without -fPIC or -fvisibility=hidden"),
        (GOOD.replace("-DX", "-DBUILDING_V8_SHARED=1"), "export"),
    ],
)
def test_a_command_line_that_would_make_v8_slow_or_seen_is_refused_before_anything_is_compiled(command, reason):
    units.check_flags([GOOD])
    with pytest.raises(units.BadFlagsError, match=reason):
        units.check_flags([GOOD, command])


def test_only_programs_of_the_build_may_be_less_optimised():
    units.check_flags(
        [
            GOOD.replace("-O2", "-O1").replace("v8_base", "v8_initializers"),
            GOOD.replace("-O2", "-O1").replace("obj/units/v8_base/a-1-0.o", "obj/src/torque/torque.torque.o"),
        ]
    )


def test_files_that_say_the_same_are_not_written_so_that_nothing_is_compiled_again(tmp_path):
    path = tmp_path / "folder" / "unit.cc"
    assert shared.replace_text(path, "one")
    before = path.stat().st_mtime_ns
    assert not shared.replace_text(path, "one")
    assert path.stat().st_mtime_ns == before
    assert shared.replace_text(path, "two")
    assert [each.name for each in path.parent.iterdir()] == ["unit.cc"]


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A source tree of three files, two of which don't go together, with what Gyp would write for it."""
    monkeypatch.setattr(ninja_build, "TARGETS", ["v8_libbase"])
    sources = tmp_path / "deps" / "v8" / "src"
    sources.mkdir(parents=True)
    for name in "abc":
        clash = "static int helper() { return 1; }\n" if name != "c" else ""
        (sources / f"{name}.cc").write_text(f"{clash}int {name}() {{ return {'helper()' if clash else 3}; }}\n")
    release = tmp_path / "out" / "Release"
    (release / "obj").mkdir(parents=True)
    (release / "build.ninja").write_text(
        "rule cxx\n  command = g++ -MMD -MF $out.d $defines $cflags -c $in -o $out\n  description = CXX $out\n"
        "  depfile = $out.d\n  deps = gcc\n"
        "rule alink_thin\n  command = rm -f $out && ar rcsT $out $in\n  description = AR $out\n"
        "subninja obj/v8_libbase.ninja\nbuild v8_libbase: phony obj/libv8_libbase.a\n"
    )
    objects = " ".join(f"obj/v8_libbase.{name}.o" for name in "abc")
    (release / "obj" / "v8_libbase.ninja").write_text(
        "defines = -DX\ncflags = -O3\n"
        + "".join(f"build obj/v8_libbase.{name}.o: cxx ../../deps/v8/src/{name}.cc\n" for name in "abc")
        + f"build obj/libv8_libbase.a: alink_thin {objects}\n"
    )
    return tmp_path


def ninja_of_tests():
    return Path(shutil.which("ninja") or Path(sys.executable).with_name("ninja"))


@pytest.mark.slow  # compiles: wheels are tested where no compiler is
def test_files_that_clash_are_compiled_apart_and_a_second_run_compiles_nothing(tree, capsys):
    build = ninja_build.Build(tree, ninja_of_tests(), 2)
    build.keep_originals()
    build.run()
    assert "1 units don't compile as one" in capsys.readouterr().out
    symbols = subprocess.run(
        ["nm", "--defined-only", str(build.folder / "obj" / "libv8_libbase.a")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert symbols.count(" T ") == 3
    again = ninja_build.Build(tree, ninja_of_tests(), 2)
    again.rewrite()
    assert again.waiting() == set()
    again.run()


@pytest.mark.slow  # compiles: wheels are tested where no compiler is
def test_a_file_that_does_not_compile_alone_is_named(tree):
    (tree / "deps" / "v8" / "src" / "c.cc").write_text("int c() { return missing; }\n")
    build = ninja_build.Build(tree, ninja_of_tests(), 2)
    build.keep_originals()
    with pytest.raises(shared.FailedError, match=r"can't be compiled: \S*/c\.cc\n(.|\n)*missing"):
        build.run()


def test_an_estimate_is_given_only_when_there_is_something_to_tell_it_from(monkeypatch):
    progress = ninja_build.Progress()
    progress.start({"a": 1, "b": 49, "c": 50})
    progress.finished("a")
    assert "isn't known" in progress.text(progress.began + 10)
    progress.finished("b")
    progress.finished("b")
    assert progress.text(progress.began + 600) == "compiling: 50%, about 10 minutes left"


def test_an_estimate_after_a_stop_is_made_from_what_was_done_since():
    progress = ninja_build.Progress()
    progress.start({"a": 10, "b": 10}, made_before=80)
    progress.finished("a")
    assert progress.text(progress.began + 600) == "compiling: 90%, about 10 minutes left"


def test_an_estimate_outlasts_the_splitting_of_units_and_counts_the_time_of_what_failed():
    progress = ninja_build.Progress()
    progress.start({"a": 50, "b": 150})
    progress.finished("a")
    progress.start({"b1": 75, "b2": 75}, made_before=50)
    assert progress.text(progress.began + 600) == "compiling: 25%, about 30 minutes left"
    progress.finished("b1")
    assert progress.text(progress.began + 900) == "compiling: 62%, about 9 minutes left"


def gyp_folder(folder, **files):
    (folder / "obj").mkdir()
    for name, text in files.items():
        (folder / "obj" / f"{name}.ninja").write_text(text)
    return folder


def test_the_library_has_the_snapshot_and_nothing_of_what_only_makes_it(tmp_path):
    folder = gyp_folder(
        tmp_path,
        mksnapshot="build mksnapshot: link main.o libv8_base_without_compiler.a libv8_init.a libv8_libbase.a "
        "libv8_initializers.a libicuucx.a | libother.a || x.stamp\n",
        v8_init="build libv8_init.a: alink_thin init.o\n",
        v8_initializers="build libv8_initializers.a: alink_thin initializers.o\n",
        v8_base_without_compiler="build libv8_base_without_compiler.a: alink_thin base1.o base2.o || x.stamp\n",
        v8_libbase="build libv8_libbase.a: alink_thin libbase.o\n",
        v8_snapshot="build libv8_snapshot.a: alink_thin snapshot.o embedded.o\n",
        icu="build libicuucx.a: alink_thin icu.o\n",
    )
    objects = finish.library_objects(folder)
    assert objects == ["base1.o", "base2.o", "libbase.o", "icu.o", "snapshot.o", "embedded.o"]


def test_libraries_under_other_names_fail_instead_of_being_left_out(tmp_path):
    with pytest.raises(shared.FailedError, match="aren't what they have been"):
        finish.library_objects(gyp_folder(tmp_path, mksnapshot="build mksnapshot: link main.o libx.a\n"))


def test_embedders_get_exactly_the_defines_that_the_headers_ask_for(tmp_path):
    include = tmp_path / "include" / "cppgc"
    include.mkdir(parents=True)
    (include / "a.h").write_text("#ifdef V8_COMPRESS_POINTERS\n#if V8_PROMISE_INTERNAL_FIELD_COUNT\nV8_EMBEDDER_STRING")
    defines = "-DV8_COMPRESS_POINTERS -DV8_INTL_SUPPORT -DV8_PROMISE_INTERNAL_FIELD_COUNT=1 -DNDEBUG"
    defines += " '-DV8_EMBEDDER_STRING=\"x\"'"
    folder = gyp_folder(tmp_path, v8_base_without_compiler=f"defines = {defines}\n")
    found = finish.embedder_defines(folder, tmp_path / "include")
    assert found == ["-DV8_COMPRESS_POINTERS", "-DV8_PROMISE_INTERNAL_FIELD_COUNT=1"]


def test_a_prefix_may_be_moved_and_hides_v8_from_those_who_link_it():
    text = finish.package_config("13.6.1.2", ["-DV8_X=1"], ["-pthread"])
    assert "/home" not in text
    assert "${pcfiledir}/../.." in text
    assert "--exclude-libs,libv8.a" in text
    assert "-DV8_X=1" in text


def test_a_prefix_without_its_manifest_is_no_v8(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libv8.a").touch()
    assert not shared.v8_tree.is_made(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    assert shared.v8_tree.is_made(tmp_path)


#: As Node's configure.py writes it, from 24.13.1 on and before.
CONFIGURATIONS = {
    "JSON": '# Do not edit.\n{"target_defaults": {"cflags": []},\n'
    ' "variables": {"v8_random_seed": 0, "icu_ver_major": "78", "node_shared": "x", "v8_enable_object_print": 1}}\n',
    "a literal": "# Do not edit.\n{ 'target_defaults': {'cflags': []},\n"
    "  'variables': { 'icu_ver_major': '78', 'node_shared': 'x',\n"
    "                 'v8_enable_object_print': 1, 'v8_random_seed': 0}}\n",
}


@pytest.mark.parametrize("form", CONFIGURATIONS)
def test_configurations_of_old_and_new_nodes_are_read_alike_and_written_for_gyp(tmp_path, form):
    path = tmp_path / "config.gypi"
    path.write_text(CONFIGURATIONS[form])
    prepare.configure_v8(path)
    expected = {"v8_random_seed": 0, "icu_ver_major": "78", "node_shared": "x", "v8_enable_object_print": 0}
    assert shared.variables_of(tmp_path) == ast.literal_eval(path.read_text())["variables"] == expected


@pytest.mark.parametrize("text", ["", "{}", "{'variables': 1}", "[1]", "{"])
def test_a_configuration_that_is_none_is_an_error_that_says_so(tmp_path, text):
    (tmp_path / "config.gypi").write_text(text)
    with pytest.raises(shared.FailedError, match=r"config\.gypi isn't as Node\.js writes it"):
        shared.variables_of(tmp_path)


def test_the_manifest_tells_how_v8_was_configured(tmp_path):
    (tmp_path / "config.gypi").write_text(CONFIGURATIONS["JSON"])
    assert finish.options_of(tmp_path) == {"v8_random_seed": 0, "icu_ver_major": "78"}
    assert finish.given_to_gyp() == {"v8_use_zlib": 0}


@pytest.fixture
def pretender(tmp_path):
    """Make a compiler that says which it is and compiles nothing."""

    def make(name, **defines):
        path = tmp_path / name
        lines = "\n".join(f"#define {macro} {value}" for macro, value in defines.items())
        path.write_text(f"#!/bin/sh\necho '{lines}'\n")
        path.chmod(0o755)
        return path

    return make


class FakeBuild:
    """What Ninja would say of the files that objects were made of."""

    def __init__(self, *works):
        self.ninja, self.folder = "echo", " ".join(f"../../deps/v8/third_party/{name}/x.h" for name in works)


def tree_with(folder, *files):
    for name in ("config.gypi", "deps/v8/LICENSE", *files):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{'variables': {}}" if name == "config.gypi" else name)
    return folder


def test_the_licence_of_everything_that_is_inside_is_kept_and_none_takes_anothers_place(tmp_path):
    third_party = "deps/v8/third_party"
    files = [f"{third_party}/v8/builtins/LICENSE", f"{third_party}/siphash/LICENSE", f"{third_party}/fast/README.v8"]
    tree = tree_with(tmp_path / "tree", *files, f"{third_party}/unused/LICENSE", "LICENSE", "debian/copyright")
    finish.gather_licences(FakeBuild("v8", "siphash", "fast"), tree, tmp_path / "licences")
    found = {path.name: path.read_text() for path in (tmp_path / "licences").iterdir()}
    assert found == {
        "v8-LICENSE.txt": "deps/v8/LICENSE",
        "third_party-v8-builtins-LICENSE.txt": files[0],
        "third_party-siphash-LICENSE.txt": files[1],
        "third_party-fast-README.v8.txt": files[2],
        "node-licences.txt": "debian/copyright",
    }


def test_what_has_no_licence_is_not_finished(tmp_path):
    tree = tree_with(tmp_path / "tree", "deps/v8/third_party/secret/x.h")
    with pytest.raises(shared.FailedError, match="what the licence of"):
        finish.gather_licences(FakeBuild("secret"), tree, tmp_path / "licences")


def test_a_compiler_that_is_too_old_is_refused_with_what_is_needed(pretender):
    clang = pretender("clang++", __clang_major__=14, __clang_minor__=0, __clang_patchlevel__=6, __GNUC__=4)
    gcc = pretender("g++", __GNUC__=12, __GNUC_MINOR__=1, __GNUC_PATCHLEVEL__=9)
    with pytest.raises(shared.FailedError, match=r"clang 14\.0\.6; V8 needs clang 16\.0 or later"):
        compiler.find(clang, None)
    with pytest.raises(shared.FailedError, match=r"gcc 12\.1\.9; V8 needs gcc 12\.2 or later"):
        compiler.find(gcc, None)


def source_tree(folder):
    """The least that is taken for a source tree."""
    include = folder / "deps" / "v8" / "include"
    include.mkdir(parents=True)
    numbers = {"MAJOR_VERSION": 13, "MINOR_VERSION": 6, "BUILD_NUMBER": 233, "PATCH_LEVEL": 17}
    (include / "v8-version.h").write_text("".join(f"#define V8_{name} {n}\n" for name, n in numbers.items()))
    for name in ("common.gypi", "configure.py", "src/node_version.h", "tools/v8_gypfiles/v8.gyp"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("#define NODE_MAJOR_VERSION 24\n")
    return folder


def test_a_changed_source_is_another_source(tmp_path):
    tree = source_tree(tmp_path / "node")
    first = prepare.given(tree)
    assert first.version == "13.6.233.17"
    (tree / "deps" / "v8" / "include" / "v8.h").write_text("x")
    assert prepare.given(tree).digest != first.digest
    tarball = shutil.make_archive(str(tmp_path / "node"), "gztar", tmp_path, "node")
    assert prepare.given(Path(tarball)).version == "13.6.233.17"


def test_what_the_user_has_is_copied_and_not_touched(tmp_path):
    tree = source_tree(tmp_path / "node")
    (tree / ".git").mkdir()
    before = {path: path.stat().st_mtime_ns for path in tree.rglob("*")}
    prepare.place(prepare.given(tree), tmp_path / "work" / "tree")
    assert before == {path: path.stat().st_mtime_ns for path in tree.rglob("*")}
    assert not (tmp_path / "work" / "tree" / ".git").exists()
    assert (tmp_path / "work" / "tree" / "common.gypi").is_file()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("src/node_version.h", "#define NODE_MAJOR_VERSION 20\n"), "Node.js 22 or later is needed, this is 20"),
        (("tools/v8_gypfiles/v8.gyp", "'<(V8_ROOT)/third_party/simdutf/simdutf.cpp'"), "use --fetch"),
    ],
)
def test_sources_that_lack_something_are_refused_before_they_are_compiled(tmp_path, change, reason):
    tree = source_tree(tmp_path / "node")
    (tree / change[0]).write_text(change[1])
    with pytest.raises(shared.FailedError, match=reason):
        prepare.place(prepare.given(tree), tmp_path / "work" / "tree")
    assert not (tmp_path / "work" / "tree").exists()


@pytest.mark.parametrize("arguments", [["--cxx", "/nowhere/clang++"], []], ids=["compiler", "tarball"])
def test_what_is_not_there_or_is_something_else_is_one_line(tmp_path, arguments):
    (tmp_path / "node.tar.xz").write_bytes(b"no archive")
    command = [ROOT / "tools" / "build_v8", "--source", tmp_path / "node.tar.xz", "--cache", tmp_path, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr


def test_something_else_is_not_taken_for_sources(tmp_path):
    with pytest.raises(shared.FailedError, match="isn't a source tree"):
        _ = prepare.Source(tmp_path, "", []).version
    with pytest.raises(shared.FailedError, match="neither a folder nor a tarball"):
        prepare.given(tmp_path / "missing")


def test_icu_has_its_data_without_the_programs_that_would_make_it(tmp_path):
    gyp = (
        "rule make_data\n  command = icupkg a b\n  description = x\n"
        "build gen/icudt78l.dat: make_data ../../in.dat || obj/icudata.actions_depends.stamp\n"
        "build obj/icudata.actions_depends.stamp: stamp genccode icupkg\n"
        "defines = -DX\n"
        "build obj/icudata.o: cc gen/icudt78_dat.S || obj/icudata.actions_depends.stamp\n"
        "build obj/libicudata.a: alink_thin obj/icudata.o\n"
    )
    text = units.with_data(gyp, tmp_path / "data.S")
    assert "genccode" not in text
    assert "icupkg" not in text
    assert f"build obj/icudata.o: cc {tmp_path / 'data.S'}\n" in text
    assert "build obj/libicudata.a: alink_thin obj/icudata.o" in text
    assert json.dumps(text.splitlines()[1:2]) == '["defines = -DX"]'


def icu_file(items):
    """Common data of ICU's with these items."""
    header = struct.pack("<H2sHH", 32, b"\xda\x27", 20, 0) + b"\0\0\2\0CmnD" + b"\1" + b"\0" * 15
    names, place = b"", 4 + 8 * len(items)
    name_places = []
    for name in items:
        name_places.append(place + len(names))
        names += name.encode() + b"\0"
    place += len(names)
    names += b"\xaa" * (-place % 16)
    place += -place % 16
    table, body = struct.pack("<I", len(items)), b""
    for at, item in zip(name_places, items.values(), strict=True):
        table += struct.pack("<II", at, place + len(body))
        body += item + b"\0" * (-len(item) % 16)
    return header + table + names + body


def test_trimmed_icu_data_is_the_data_of_what_stays():
    stays = {"icudt/aa.res": b"a" * 5, "icudt/brkitr/root.res": b"b" * 16, "icudt/rbnf/de.res": b"c" * 33}
    goes = {"icudt/abc.cnv": b"x" * 100, "icudt/translit/root.res": b"y" * 7, "icudt/unames.icu": b"z"}
    data = icu_file(dict(sorted({**stays, **goes}.items())))
    trimmed = icu_data.trimmed(data)
    assert trimmed == icu_file(stays)
    header, items = icu_data.table(trimmed)
    for name, place in items:  # 16 bytes are what ICU's readers of items count on
        assert (header + place) % 16 == 0
        content = stays[name.decode()]
        assert trimmed[header + place :].startswith(content)


def test_icu_data_of_another_form_is_refused():
    data = icu_file({"icudt/aa.res": b"a"})
    with pytest.raises(shared.FailedError, match="a form that isn't known"):
        icu_data.trimmed(data.replace(b"CmnD", b"ToCP"))


def finished_prefix(cache, version, machine=None, **more):
    prefix = cache / f"{version}-0"
    (prefix / "licences").mkdir(parents=True)
    (prefix / "licences" / "v8-LICENSE.txt").touch()
    facts = {"v8_version": version, "machine": machine or platform.machine(), "source": ["nodejs_24"], **more}
    facts |= {"defines": ["-DV8_X"], "link": ["-lm"], "library_sha256": "ab12", "compiler": "clang 19", "options": {}}
    (prefix / "manifest.json").write_text(json.dumps(facts))
    return prefix


def test_the_newest_finished_prefix_of_this_kind_of_machine_is_taken(tmp_path, monkeypatch):
    monkeypatch.setenv("V8SNAP_V8_CACHE", str(tmp_path))
    with pytest.raises(shared.v8_tree.NotFoundError):
        shared.v8_tree.made()
    (tmp_path / "14.1.0.0-0").mkdir()  # unfinished
    finished_prefix(tmp_path, "15.0.0.0", machine="another")
    finished_prefix(tmp_path, "13.6.233.17")
    newest = finished_prefix(tmp_path, "13.10.1.2")
    assert shared.v8_tree.made() == newest


def test_a_finished_prefix_says_how_to_compile_with_it_and_what_is_in_it(tmp_path):
    prefix = finished_prefix(tmp_path, "13.6.233.17")
    command = [sys.executable, ROOT / "tools" / "v8_tree.py", "prefix", prefix, tmp_path / "facts"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = {(line[:10].strip(), line[10:]) for line in said.splitlines()}
    assert lines == {
        ("arg", f"-isystem{prefix}/include"),
        ("arg", "-DV8_X"),
        ("arg", '-DV8SNAP_V8_BUILD_ID="ab12"'),
        ("library", f"{prefix}/lib/libv8.a"),
        ("link", "-Wl,--gc-sections"),
        ("link", "-lm"),
        ("licence", f"{prefix}/licences/v8-LICENSE.txt"),
        ("carried", f"{tmp_path}/facts/_carried.json"),
    }
    told = json.loads((tmp_path / "facts" / "_carried.json").read_text())
    assert (told["v8_source"], told["libraries"]) == ("build", {"libv8.a": "v8 13.6.233.17 of nodejs_24"})
