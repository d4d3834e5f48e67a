# The isolates that are open: ended with the process, and named where they are in another one's way.

_open_isolates = weakref.WeakSet()


@atexit.register
def _close_at_exit():
    # V8's threads must not find half of a dying process.
    engine.stop_javascript_at_exit()
    for isolate in list(_open_isolates):
        (<Isolate>isolate)._abandon()


def _name_isolates_in_the_way(error):
    shown = [repr(isolate) for isolate in list(_open_isolates) if not isolate.closed]
    if len(shown) > _MOST_SHOWN:
        shown[_MOST_SHOWN:] = [f"{len(shown) - _MOST_SHOWN} more"]
    error.args = (f"{error.args[0]}. Open are: {', '.join(shown)}",)


_MOST_SHOWN = 5


def _collect_garbage():
    import gc
    gc.collect()
