"""The one error that is the person's to mend: bad input. Every door turns it into exit status 2."""


class InputError(ValueError):
    """What the person got wrong, as whole lines: the place, the fact and the way out. Nothing is lost."""
