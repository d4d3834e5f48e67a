# V8 in this process: version, flags, error codes, what is alive.

_CODE_NAMES = {
    <int>engine.ErrorCode.kInternal: "INTERNAL",
    <int>engine.ErrorCode.kClosed: "CLOSED",
    <int>engine.ErrorCode.kJs: "JS",
    <int>engine.ErrorCode.kTimeout: "TIMEOUT",
    <int>engine.ErrorCode.kTerminated: "TERMINATED",
    <int>engine.ErrorCode.kMemory: "MEMORY",
    <int>engine.ErrorCode.kConversion: "CONVERSION",
    <int>engine.ErrorCode.kWrongIsolate: "WRONG_ISOLATE",
    <int>engine.ErrorCode.kForked: "FORKED",
    <int>engine.ErrorCode.kWrongThread: "WRONG_THREAD",
    <int>engine.ErrorCode.kFlagsFrozen: "FLAGS_FROZEN",
    <int>engine.ErrorCode.kSnapshot: "SNAPSHOT",
    <int>engine.ErrorCode.kSnapshotConflict: "SNAPSHOT_CONFLICT",
    <int>engine.ErrorCode.kExternalReference: "EXTERNAL_REFERENCE",
    <int>engine.ErrorCode.kUnserializable: "UNSERIALIZABLE",
    <int>engine.ErrorCode.kNotInSnapshot: "NOT_IN_SNAPSHOT",
    <int>engine.ErrorCode.kPending: "PENDING",
}


def _translate_error(int code, str message, details):
    return errors.translate(_CODE_NAMES[code], message, details)


engine.set_error_translator(_translate_error)


def _note_main_thread():
    engine.set_python_main_thread(threading.main_thread().ident)


_note_main_thread()
os.register_at_fork(after_in_child=_note_main_thread)


def _throw_error(int code, str message):
    """Let the engine throw one of its codes: for the tests of each."""
    engine.throw_error(code, message.encode())


def _thread_number():
    """A number for the calling thread that is never used again: int."""
    return engine.thread_number()


def _set_thread_deadline(seconds):
    """Stop JavaScript that this thread calls from now on when so many seconds are over; None: don't."""
    engine.set_thread_deadline(0 if seconds is None else max(float(seconds), 1e-6))


def _live_counts():
    """Native objects that are alive in this process: for tests that look for leaks."""
    return engine.live_counts()


# Flags that change how JavaScript runs or how the heap is laid out, but can't break the engine's own assumptions.
# Heap sizes are not among them: V8 dies of a heap too small, and `heap_limit` is checked.
_SAFE_SWITCHES = frozenset("""
    always-sparkplug compilation-cache flush-bytecode jitless lazy lite-mode max-lazy opt optimize-for-size
    parallel-scavenge predictable rehash-snapshot single-threaded sparkplug use-strict
""".split())
_SAFE_NUMBERS = frozenset("hash-seed random-seed stack-trace-limit".split())

_flags = []


def set_flags(*flags):
    """Set V8's command line flags for this process.

    Possible only before the first isolate or creator. A blob remembers its flags and is refused under others.

    See V8's ``src/flags/flag-definitions.h``.

    Parameters
    ----------
    *flags : str
        Such as ``"--max-lazy"``, ``"--no-opt"`` or ``"--random-seed=42"``.

    Raises
    ------
    FlagsFrozenError
        Where V8 is started already.
    ValueError
        For a flag that is not known to be safe. The list is short on purpose: many of V8's flags kill the process.
    """
    for flag in flags:
        name, equals, value = flag.removeprefix("--").replace("_", "-").partition("=")
        is_switch = not equals and name.removeprefix("no-") in _SAFE_SWITCHES
        is_number = name in _SAFE_NUMBERS and value.isascii() and value.isdecimal() and int(value) < 2**31
        if not flag.startswith("--") or not (is_switch or is_number):
            switches = ", ".join(f"--[no-]{switch}" for switch in sorted(_SAFE_SWITCHES))
            numbers = ", ".join(f"--{number}=N" for number in sorted(_SAFE_NUMBERS))
            raise ValueError(f"{flag!r} is not among the V8 flags known to be safe: {switches}, {numbers}")
    for flag in flags:
        engine.set_flag(flag.encode())
        _flags.append(flag)


def _log_functions(path):
    """Let V8 write what it compiles, with each function's place, to that file: for this process, before V8 starts.

    It changes nothing of the heap or of how JavaScript runs: blobs made without it are good with it.
    """
    for flag in ("--log-function-events", "--no-logfile-per-isolate", f"--logfile={path}"):
        engine.set_flag(flag.encode())


def flags():
    """The flags set with `set_flags`, in order: a list of str."""
    return list(_flags)


def flags_hash():
    """Digest of this process's V8 flags, as a blob remembers it: 16 hexadecimal digits."""
    return hashlib.sha256("\0".join(_flags).encode()).hexdigest()[:16]


def v8_version():
    """Version of the V8 library, with its embedder's suffix: ``"10.2.154.26-node.37"``. V8 is not started by it."""
    return engine.v8_version().decode()


def read_only_heaps_can_be_alike():
    """Whether this V8, which has one read-only heap for all isolates, can have blobs of one hash seed together."""
    return engine.read_only_heaps_can_be_alike()


def v8_started():
    """Whether V8 was started in this process or before a fork: from then on flags are frozen."""
    return engine.v8_started()


def build_id():
    """Build id of the library that V8 is in, hexadecimal; ``""`` where it has none.

    Two builds of one V8 version may lay out heaps differently, which V8 itself doesn't check.
    """
    return engine.library_build_id().decode()


def adler32_from_zero(const unsigned char[::1] data):
    """Adler-32 of `data` starting from 0, one of the two checksums that builds of V8 use."""
    return engine.adler32_from_zero(&data[0], data.shape[0]) if data.shape[0] else 0


def fletcher32(const unsigned char[::1] data):
    """Fletcher-32 of the bytes of `data` modulo 65535, the other checksum that builds of V8 use."""
    return engine.fletcher32(&data[0], data.shape[0]) if data.shape[0] else 0
