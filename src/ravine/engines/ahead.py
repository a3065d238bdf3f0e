"""Compiling before it is needed, in several processes, since Numba works on one core."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

from ravine.engines.fused import compilation
from ravine.engines.fused.render import render
from ravine.formulas.formula import Formula
from ravine.inputs import jobs_of


def compile_ahead(
    formulas: Sequence[Formula], dtypes: Iterable[str], jobs: int | None = None
) -> Iterator[tuple[str, str]]:
    """Put the kernels of some formulas into the cache; yield the name and the dtype of each when it is there.

    `jobs` kernels are compiled at once, one a core if None, each in a new process. Each of these processes imports the
    script that calls this function, so the script must begin its work under `if __name__ == "__main__":`.

    Raises:
        ConfigError: a formula cannot be compiled.
    """
    dtypes = list(dtypes)
    wanted = [(render(formula), dtype) for dtype in dtypes for formula in formulas]
    missing = [(rendered, dtype) for rendered, dtype in wanted if compilation.seconds_to_compile(rendered, dtype)]
    for rendered, dtype in wanted:
        if (rendered, dtype) not in missing:
            yield rendered.name, dtype
    if not missing:
        return
    jobs = min(jobs_of(jobs), max(len(missing), 2))
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawn, initializer=_end_with_the_parent) as pool:
        try:
            common = [
                (dtype, part) for dtype in dict.fromkeys(dtype for _, dtype in missing) for part in ("rows", "network")
            ]
            for shared in [pool.submit(compilation.compile_common, *one) for one in common]:
                shared.result()
            compiled = {pool.submit(compilation.compile_rule, *one): one for one in missing}
            for one in as_completed(compiled):
                one.result()
                rendered, dtype = compiled[one]
                yield rendered.name, dtype
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _end_with_the_parent() -> None:
    """Let a worker end when its parent is killed, since a killed parent cannot stop it."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
