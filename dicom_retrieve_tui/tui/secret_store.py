"""What was typed in secret: in memory, while the application runs. Knows no screen."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from dicom_retrieve_tui.config.secrets import Question, unlocked
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.security import Secret


def _unjudged(_settings: RetrieveOptions) -> None:
    """Nobody reads the files of TLS before they are used."""


class SecretStore:
    """Passcodes and passphrases; safe from any thread."""

    def __init__(
        self,
        environ: Mapping[str, str] = MappingProxyType({}),
        check: Callable[[RetrieveOptions], object] = _unjudged,
    ) -> None:
        """Nothing is known yet.

        Args:
            environ: Where secrets may be, too.
            check: `wiring.check_tls`, or nothing in a test. Raises `ConfigError`.
        """
        self._environ, self._check = environ, check
        self._known: dict[Question, Secret] = {}

    def question(self, settings: RetrieveOptions) -> Question | None:
        """What must be answered before anything is sent; None if nothing need be.

        Raises:
            ConfigError: A file of TLS or of the passcode cannot be used.
        """
        questions: list[Question] = []

        def note(question: Question) -> Secret:
            known = self._known.get(question)
            if known is None:
                questions.append(question)
            return known or Secret("")

        settings = unlocked(settings, self._environ, note)
        if not any(_is_of_key(question) for question in questions):
            self._check(settings)
        return questions[0] if questions else None

    def keep(self, question: Question, secret: Secret) -> None:
        """This is the answer."""
        self._known[question] = secret

    def drop(self, question: Question) -> None:
        """That was not the answer."""
        self._known.pop(question, None)

    def forget_typed(self, settings: RetrieveOptions) -> None:
        """The PACS refused: ask for the passcode again, if it was typed."""
        for question in list(self._known):
            if question.peer == str(settings.peer):
                self.drop(question)

    def fill_in(self, settings: RetrieveOptions) -> RetrieveOptions:
        """The same settings, with the secrets that they need.

        Raises:
            ConfigError: One is not known, or a file cannot be used.
        """

        def answer(question: Question) -> Secret:
            known = self._known.get(question)
            if known is None:
                raise ConfigError(f"The {question.what} was not told; r asks for it.")
            return known

        return unlocked(settings, self._environ, answer)


def _is_of_key(question: Question) -> bool:
    """True for a passphrase: no PACS gets it, and the key itself tells if it is right."""
    return not question.peer
