"""The kinds of classifier, by the name that the configuration gives them. Importing this loads no torch."""

from maskwatch.classify.settings import ClassifierSettings
from maskwatch.core.ports import Classifier
from maskwatch.plugins import Kinds, ModelContext

CLASSIFIERS: Kinds[Classifier, ModelContext] = Kinds(
    "classifier", "maskwatch.classifiers", "maskwatch.classify.kinds", ClassifierSettings
)
