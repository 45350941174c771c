"""`HostedModel`: many prompts to one hosted model, with limits, a budget and a ledger.

model = HostedModel("openai", "gpt-4o-mini", budget=0.50, ledger="my_store")
print(model.quote(prompts))
replies = model.complete_all(prompts)     # Completion or Failure for each, in order
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

from interp_nb._errors import ConfigError
from interp_nb.features.hosted.background import BackgroundLoop
from interp_nb.features.hosted.endpoints import OWN_KEY, Endpoint, endpoint
from interp_nb.features.hosted.keys import Key, keep_out_of_logs
from interp_nb.features.hosted.ledger import Ledger, request_key
from interp_nb.features.hosted.limits import Pace, expected_tokens, most_tokens
from interp_nb.features.hosted.prices import PICO, Meter, price_of, unpriced
from interp_nb.features.hosted.records import Completion, Failure, Prompt, Quote, Retries, Timeouts
from interp_nb.features.hosted.run import Asked, Run, Shared
from interp_nb.features.hosted.sending import check_installed

# How often a waiting caller looks whether it was interrupted.
_POLL_SECONDS: Final = 0.05
_OF_PROVIDER: Final = "the provider's own"


class HostedModel:
    """A model behind an OpenAI-compatible or Anthropic endpoint.

    Safe to use from several threads: limits, budget and ledger hold for all of them together. A key is looked up in the
    environment whenever a request is signed, and is kept nowhere.

    Args:
        provider: "openai" (chat completions, by whomever they are served) or "anthropic" (messages).
        model: The endpoint's name for it.
        budget: US dollars that everything in the ledger, earlier runs included, may cost together. A request whose
            worst case (a token for every byte of the prompt, `max_tokens` to write) does not fit is not sent. None =
            no limit.
        base_url: None = the provider's own address. Unencrypted addresses only on this machine, unless `allow_http`.
        api_key_env: The environment variable with the key; at another address than the provider's own it has to be
            said which, or None for no key, so that no key goes to strangers.
        prices: (input, output) in US dollars per million tokens by model name, before `prices.PRICES` is asked.
        max_tokens: Longest reply.
        temperature: None = the model's own; some models accept no other.
        concurrency: Requests under way at once.
        requests_per_minute: None = no limit.
        tokens_per_minute: Of prompts and replies together; None = no limit.
        ledger: File, or folder such as a store's, that remembers what was paid for; None = as long as this object.

    Raises:
        ConfigError: a setting makes no sense, the key or a package is missing, or there is a budget and no price.
        DiskError: the ledger cannot be read.
    """

    def __init__(
        self,
        provider: str,
        model: str,
        *,
        budget: float | int | None,
        base_url: str | None = None,
        api_key_env: str | None = _OF_PROVIDER,
        prices: Mapping[str, tuple[float | int, float | int]] | None = None,
        max_tokens: int = 512,
        temperature: float | int | None = None,
        concurrency: int = 8,
        requests_per_minute: float | int | None = None,
        tokens_per_minute: float | int | None = None,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
        ledger: str | Path | None = None,
        allow_http: bool = False,
    ) -> None:
        check_installed()
        self.model = model
        self.endpoint = endpoint(provider, base_url, allow_http=allow_http)
        self._key = _key(self.endpoint, api_key_env)
        self._max_tokens, self._temperature = max_tokens, temperature
        self._timeouts, self._retries = timeouts or Timeouts(), retries or Retries()
        price = price_of(model, prices, from_table=self.endpoint.is_own)
        if price is None and budget is not None:
            raise unpriced(model, own_address=self.endpoint.is_own)
        self._limits = {"requests_per_minute": requests_per_minute, "tokens_per_minute": tokens_per_minute}
        self._concurrency = concurrency
        _check({"max_tokens": max_tokens, "concurrency": concurrency, "budget": budget, **self._limits})
        _check({"attempts": self._retries.attempts, "give_up_after": self._retries.give_up_after})
        self.ledger = Ledger(ledger)
        self._meter = Meter(price, budget, self.ledger.spent)
        self._loop = BackgroundLoop()
        self._shared: Shared | None = None
        self._guard = threading.Lock()

    def __repr__(self) -> str:
        of = "" if self._meter.limit is None else f" of ${self._meter.limit / PICO:.2f}"
        return f"HostedModel({self.endpoint.provider} {self.model}, spent ${self.spent:.4f}{of})"

    def __enter__(self) -> "HostedModel":
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()

    @property
    def spent(self) -> float:
        """US dollars spent by everything in the ledger; 0.0 where no price is known."""
        return self._meter.spent / PICO

    @property
    def priced(self) -> bool:
        """Whether a price is known, so that `spent` means something."""
        return self._meter.price is not None

    def quote(self, prompts: Sequence[str | Prompt]) -> Quote:
        """Say what asking would take, sending nothing."""
        asked = {item.key: item for item in map(self._asked, prompts)}
        new = [item for item in asked.values() if item.key not in self.ledger]
        worst = sum(item.worst_cost for item in new) / PICO
        return Quote(
            len(new), len(asked) - len(new), worst if self.priced else None, sum(item.expected for item in new)
        )

    def complete_all(
        self,
        prompts: Sequence[str | Prompt],
        *,
        progress: Callable[[int, int], object] | None = None,
        stop: threading.Event | None = None,
    ) -> list[Completion | Failure]:
        """Ask for all, and return what became of each, in order.

        Works in scripts, in notebooks and in background jobs. After a KeyboardInterrupt nothing more is sent, what is
        under way has `timeouts.grace` seconds, and every reply that came is in the ledger.

        Args:
            progress: Called in this thread with how many have an outcome, and of how many.
            stop: Set it from anywhere to stop; what has no reply then is a Failure "cancelled".

        Raises:
            ConfigError: the key is not in the environment anymore.
            DiskError: the ledger cannot be written; nothing more was sent.
        """
        self._key.check()
        keep_out_of_logs(self._key)
        ended: queue.SimpleQueue[int] = queue.SimpleQueue()
        run = Run(self._for_all_runs(), [self._asked(prompt) for prompt in prompts], lambda: ended.put(1))
        future = self._loop.submit(run())
        future.add_done_callback(lambda _: ended.put(0))  # wakes who waits
        n_ended = n_told = 0
        stopped = False
        try:
            while not future.done():
                n_ended += _taken(ended)
                if progress is not None and n_ended > n_told:
                    n_told = n_ended
                    progress(n_told, len(prompts))
                if stop is not None and stop.is_set() and not stopped:
                    stopped = True
                    self._loop.call(run.stop)
        except BaseException:
            # An interrupt, or a progress bar that failed: a second interrupt waits for nothing.
            self._loop.call(run.stop)
            try:
                while not future.done():
                    _taken(ended)
            except BaseException:
                self._loop.call(run.cut)
                raise
            raise
        try:
            outcomes = future.result()
        except CancelledError:  # the model object was closed meanwhile
            outcomes = run.outcomes
        if progress is not None and n_told < len(prompts):
            progress(len(prompts), len(prompts))
        return outcomes

    async def acomplete_all(
        self,
        prompts: Sequence[str | Prompt],
        *,
        progress: Callable[[int, int], object] | None = None,
        stop: threading.Event | None = None,
    ) -> list[Completion | Failure]:
        """Do what `complete_all` does without blocking the caller's event loop; `progress` is called in a thread."""
        stop = stop or threading.Event()
        try:
            return await asyncio.to_thread(self.complete_all, prompts, progress=progress, stop=stop)
        except asyncio.CancelledError:
            stop.set()
            raise

    def close(self) -> None:
        """End the background thread; the object can still be used, and starts another."""
        with self._guard:
            self._shared = None
            self._loop.close()

    def _for_all_runs(self) -> Shared:
        with self._guard:
            if self._shared is None:
                self._shared = Shared(
                    self.endpoint, self._key, self._timeouts, self._retries, self._concurrency, self.ledger,
                    self._meter, Pace(**self._limits), asyncio.Semaphore(self._concurrency),
                    WeakValueDictionary(),
                )  # fmt: skip
            return self._shared

    def _asked(self, prompt: str | Prompt) -> Asked:
        whole = Prompt(prompt) if isinstance(prompt, str) else prompt
        max_tokens = self._max_tokens if whole.max_tokens is None else whole.max_tokens
        _check({"max_tokens": max_tokens})
        whole = replace(whole, text=_writable(whole.text), system=_writable(whole.system))
        body = self.endpoint.body(self.model, whole, max_tokens, self._temperature)
        text = whole.system + whole.text
        return Asked(
            request_key(self.endpoint.url, body, whole.sample), body, max_tokens, len(text.encode()),
            most_tokens(text), expected_tokens(text) + max_tokens, self._meter.cost(most_tokens(text), max_tokens),
        )  # fmt: skip


def _key(where: Endpoint, api_key_env: str | None) -> Key:
    if api_key_env == _OF_PROVIDER:
        if not where.is_own:
            raise ConfigError(
                f'Say which key {where.base_url} is to be given: api_key_env="SOME_VARIABLE", or None for none. The '
                f"provider's own ({OWN_KEY[where.provider]}) is sent nowhere else unless you say so"
            )
        api_key_env = OWN_KEY[where.provider]
    key = Key(api_key_env)
    key.check()
    return key


def _check(settings: Mapping[str, float | int | None]) -> None:
    for name, value in settings.items():
        # Not `value <= 0`: NaN is refused too.
        if value is not None and not value > 0 and not (name == "budget" and value == 0):
            raise ConfigError(f"{name} must be above 0, got {value}")


def _taken(ended: "queue.SimpleQueue[int]") -> int:
    """Wait a moment for items to end, and count those that did."""
    try:
        taken = ended.get(timeout=_POLL_SECONDS)
    except queue.Empty:
        return 0
    while not ended.empty():
        taken += ended.get()
    return taken


def _writable(text: str) -> str:
    """Replace lone surrogates, which no request can carry."""
    return text.encode("utf-8", "replace").decode("utf-8")
