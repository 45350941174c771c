"""The public face: these names are the contract. Adding one is a decision; removing one breaks notebooks."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.source import PACKAGE, ROOT, dotted

PUBLIC = {
    "AttentionPatterns",
    "ClassifierTrait",
    "ConceptRecovery",
    "Condition",
    "Contrast",
    "DictionaryDrift",
    "FeatureDashboard",
    "FeatureDictionary",
    "FeatureEffect",
    "FeatureLabels",
    "FeatureStore",
    "FromMarker",
    "GateReport",
    "Generation",
    "HeadRoles",
    "HostedModel",
    "PatchGrid",
    "PromptFeatures",
    "SAE",
    "SAEComparison",
    "SAEConfig",
    "SAEInspection",
    "SAEReport",
    "ScalingFit",
    "SideEffects",
    "Steering",
    "SteeringPlayground",
    "SteeringSweep",
    "SteeringVector",
    "TokenMass",
    "TrainConfig",
    "TrainingRun",
    "__version__",
    "ablate_grid",
    "attention",
    "causal_trace",
    "compare_dictionaries",
    "compare_saes",
    "concept_recovery",
    "errors",
    "evaluate_sae",
    "feature_dashboard",
    "feature_effect",
    "feature_map",
    "feature_store",
    "fit_scaling",
    "from_steering_vectors",
    "generate",
    "generate_stream",
    "harvest",
    "head_roles",
    "import_neuronpedia",
    "inspect_sae",
    "label_features",
    "link",
    "load_model",
    "load_sae",
    "load_store",
    "load_vector",
    "model_info",
    "patch",
    "patch_grid",
    "patch_heads",
    "prompt_features",
    "refine_vector",
    "review_queue",
    "side_effects",
    "steer",
    "steering_playground",
    "steering_sweep",
    "steering_vector",
    "taxonomy_of",
    "train_sae",
}
ERRORS = {
    "AnswerTokenError",
    "ConfigError",
    "DataError",
    "DeviceError",
    "DiskError",
    "HookNameError",
    "InterpError",
    "MemoryBudgetError",
    "ModelNotFoundError",
    "NonFiniteError",
    "OfflineError",
    "PromptError",
    "SaveFormatError",
    "ShapeError",
    "StaleCacheError",
    "StoreMismatchError",
    "TokenAlignmentError",
    "VectorMismatchError",
}


def test_public_names_are_pinned():
    import interp_nb

    assert set(interp_nb.__all__) == PUBLIC
    assert set(dir(interp_nb)) == PUBLIC


def test_error_names_are_pinned_and_have_one_root():
    from interp_nb import errors

    found = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert found == ERRORS
    assert all(issubclass(getattr(errors, name), errors.InterpError) for name in ERRORS)


@pytest.mark.parametrize("name", sorted(PUBLIC - {"__version__", "errors"}))
def test_public_name_is_found_where_it_lives(name):
    import interp_nb

    value = getattr(interp_nb, name)
    assert value.__name__ == name
    assert value.__doc__


def test_unknown_name_is_an_attribute_error():
    import interp_nb

    with pytest.raises(AttributeError, match="no attribute 'load_modell'"):
        _ = interp_nb.load_modell


def test_names_stay_the_same_once_everything_is_imported():
    """A submodule sets its name on the package when it is imported, and would shadow a public name of that spelling."""
    code = (
        "import importlib, pkgutil, types, interp_nb\n"
        "first = {name: getattr(interp_nb, name) for name in interp_nb.__all__}\n"
        "for found in pkgutil.walk_packages(interp_nb.__path__, 'interp_nb.'):\n"
        "    importlib.import_module(found.name)\n"
        "changed = [name for name, value in first.items() if getattr(interp_nb, name) is not value]\n"
        "assert not changed, changed\n"
        "modules = [name for name in first if isinstance(first[name], types.ModuleType)]\n"
        "assert modules == ['errors'], modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def clashes(source: str, package: str, inside: set[str]) -> set[str]:
    """Names that a package binds or promises and that are also modules in its folder."""
    bound = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            # `from package import module` binds the module itself, which is no clash.
            bound |= {alias.asname or alias.name for alias in node.names if node.module != package}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in {"__all__", "HOME"}:
            bound |= {part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant)}
    return bound & inside


def _inside(init: Path) -> set[str]:
    modules = {path.stem for path in init.parent.glob("*.py")} - {"__init__"}
    return modules | {path.parent.name for path in init.parent.glob("*/*.py")}


@pytest.mark.parametrize("init", sorted(PACKAGE.rglob("__init__.py")), ids=dotted)
def test_no_name_equals_a_module_beside_it(init):
    assert clashes(init.read_text(encoding="utf-8"), dotted(init), _inside(init)) == set()


def test_no_public_name_equals_a_module_of_the_package():
    table = (PACKAGE / "_public.py").read_text(encoding="utf-8")
    assert clashes(table, "interp_nb", _inside(PACKAGE / "__init__.py")) == set()


def test_types_are_stated_for_every_public_name():
    from interp_nb._public import HOME

    stub = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))
    stated = {
        alias.asname: f"{node.module}.{alias.name}"
        for node in stub.body
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("interp_nb")
        for alias in node.names
    }
    assert stated == {name: f"{home}.{name}" for name, home in HOME.items()} | {"errors": "interp_nb._errors"}


@pytest.mark.parametrize(
    "source",
    ["from interp_nb.a.roles import roles", "def roles(): ...", "__all__ = ['roles']", "HOME = {'roles': 'a.b'}"],
)
def test_clash_is_seen(source):
    assert clashes(source, "interp_nb.a", {"roles"}) == {"roles"}
    assert clashes("from interp_nb.a import roles", "interp_nb.a", {"roles"}) == set()
