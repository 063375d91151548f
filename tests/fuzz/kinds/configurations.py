"""Configurations: YAML that is spoiled, that stands for much more than it is, or is meant for something else."""

from fuzz.judging import SECRET
from fuzz.kinds.base import Kind
from fuzz.kinds.data_sets import YAMLS
from fuzz.mutation import as_json, drawn, mutated, spoiled

WORDS = [b"&a ", b"*a", b"<<: *a\n", b"!!binary ", b"{MASKWATCH_", b"}", b": ", b"- ", b"\t", b"? ", b"|\n", b"rtsp://a:b@c@d/", b"!!int '1'"]
DOCUMENT = {
    "cameras": {
        "door": {
            "source": f"rtsp://viewer:{SECRET}@192.0.2.1/1",
            "ignore": [[[0, 0], [0.5, 0], [0.5, 0.5]]],
            "zones": {"hall": [[0, 0], [1, 0], [1, 1]]},
            "lines": {"entry": {"from": [0, 0], "to": [1, 1], "leaving": "left"}},
            "privacy": "blur",
            "fps": 5,
        },
        "hall": {"source": "usb:0", "detect": {"min_face_px": 20, "thresholds": [0.6, 0.7, 0.8]}},
    },
    "alert": {"sinks": ["log", {"kind": "webhook", "url": f"https://example.com/?token={SECRET}", "secret": SECRET}]},
    "rules": {"crowd": {"kind": "occupancy", "people": 5}},
    "queue": {"dir": "queue", "max_mb": 100},
    "web": {"port": 8470, "token": f"{SECRET}-{SECRET}"},
    "events": {"dir": "events", "site": "north", "url": f"postgresql://a:{SECRET}@localhost/x"},
    "rtsp": {"open_s": 3},
    "console": {"port": 8471},
}


class Configurations(Kind):
    """Read, checked, asked for written secrets, and changed as the editor does."""

    COUNT = 600

    def __init__(self, folder):
        super().__init__(folder)
        import yaml

        self.documents = drawn(spoiled(DOCUMENT), self.COUNT, "configuration")
        self.text = yaml.safe_dump(DOCUMENT, sort_keys=False).encode()

    def make(self, number, random, folder):
        path = folder / "config.yaml"
        if number % 10 == 9:
            text = YAMLS[number // 10 % len(YAMLS)].encode() + (self.text if number % 20 == 9 else b"")
        elif number % 2:
            text = as_json(self.documents[number // 2 % len(self.documents)])
        else:
            text = mutated(self.text, random, WORDS)
        path.write_bytes(text)
        return path

    def warm(self):
        path = self.folder / "config.yaml"
        path.write_bytes(self.text)
        self.take(path)

    def take(self, path):
        from maskwatch.config.load import check, load, missing_footage, used_variables, written_secrets
        from maskwatch.config.yaml_document import TreeError, text_of
        from maskwatch.config.yaml_edit import edited
        from maskwatch.core.errors import ConfigError

        refused = None
        for read in (load, check, written_secrets, missing_footage, lambda each: used_variables(each, ["cameras"])):
            try:
                read(path)
            except ConfigError as e:
                refused = e
        try:
            edited(text_of(path), {("cameras", "door", "fps"): 3, ("web", "port"): 1})
        except (TreeError, ConfigError) as e:
            refused = refused or ConfigError(f"{path}: {e}")
        except (TypeError, KeyError, IndexError):  # the editor asks for what `check` took alone
            if refused is None:
                raise
        if refused:
            raise refused
