"""The kinds of hostile input, by name."""

from fuzz.kinds.archives import Archives
from fuzz.kinds.configurations import Configurations
from fuzz.kinds.data_sets import DataSets
from fuzz.kinds.pictures import Pictures
from fuzz.kinds.stores import Stores
from fuzz.kinds.videos import Videos
from fuzz.kinds.weights import Weights

KINDS = {
    "pictures": Pictures,
    "videos": Videos,
    "data sets": DataSets,
    "archives": Archives,
    "weights": Weights,
    "configurations": Configurations,
    "stores": Stores,
}
