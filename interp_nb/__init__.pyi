"""What type checkers and editors read: the public names of `interp_nb/_public.py`, with their types."""

from typing import Final

from interp_nb import _errors as errors
from interp_nb.features.building import feature_store as feature_store
from interp_nb.features.dashboard import FeatureDashboard as FeatureDashboard
from interp_nb.features.dashboard import feature_dashboard as feature_dashboard
from interp_nb.features.drift import compare_dictionaries as compare_dictionaries
from interp_nb.features.drift_report import DictionaryDrift as DictionaryDrift
from interp_nb.features.gate_report import GateReport as GateReport
from interp_nb.features.hosted.client import HostedModel as HostedModel
from interp_nb.features.imported_labels import import_neuronpedia as import_neuronpedia
from interp_nb.features.intervene import FeatureEffect as FeatureEffect
from interp_nb.features.intervene import feature_effect as feature_effect
from interp_nb.features.labelling import FeatureLabels as FeatureLabels
from interp_nb.features.labelling import label_features as label_features
from interp_nb.features.maps import feature_map as feature_map
from interp_nb.features.on_text import PromptFeatures as PromptFeatures
from interp_nb.features.on_text import prompt_features as prompt_features
from interp_nb.features.review import review_queue as review_queue
from interp_nb.features.store import FeatureStore as FeatureStore
from interp_nb.features.store import load_store as load_store
from interp_nb.features.taxonomy import taxonomy_of as taxonomy_of
from interp_nb.features.versions import FeatureDictionary as FeatureDictionary
from interp_nb.heads.battery import head_roles as head_roles
from interp_nb.heads.patterns import AttentionPatterns as AttentionPatterns
from interp_nb.heads.patterns import attention as attention
from interp_nb.heads.roles import HeadRoles as HeadRoles
from interp_nb.models.info import model_info as model_info
from interp_nb.models.load import load_model as load_model
from interp_nb.models.prompts import Contrast as Contrast
from interp_nb.patching.ablation import ablate_grid as ablate_grid
from interp_nb.patching.custom import patch as patch
from interp_nb.patching.grid import patch_grid as patch_grid
from interp_nb.patching.heads import patch_heads as patch_heads
from interp_nb.patching.result import PatchGrid as PatchGrid
from interp_nb.patching.tracing import causal_trace as causal_trace
from interp_nb.sae.coder import SAE as SAE
from interp_nb.sae.config import SAEConfig as SAEConfig
from interp_nb.sae.config import TrainConfig as TrainConfig
from interp_nb.sae.harvesting import harvest as harvest
from interp_nb.sae.run import TrainingRun as TrainingRun
from interp_nb.sae.saving import load_sae as load_sae
from interp_nb.sae.training import train_sae as train_sae
from interp_nb.steering.apply import steer as steer
from interp_nb.steering.extract import steering_vector as steering_vector
from interp_nb.steering.foreign import from_steering_vectors as from_steering_vectors
from interp_nb.steering.generate import generate as generate
from interp_nb.steering.generate import generate_stream as generate_stream
from interp_nb.steering.generation import Generation as Generation
from interp_nb.steering.playground import SteeringPlayground as SteeringPlayground
from interp_nb.steering.playground import steering_playground as steering_playground
from interp_nb.steering.recipe import Condition as Condition
from interp_nb.steering.recipe import FromMarker as FromMarker
from interp_nb.steering.recipe import Steering as Steering
from interp_nb.steering.refine import refine_vector as refine_vector
from interp_nb.steering.saving import load_vector as load_vector
from interp_nb.steering.side_effects import SideEffects as SideEffects
from interp_nb.steering.side_effects import side_effects as side_effects
from interp_nb.steering.sweep import steering_sweep as steering_sweep
from interp_nb.steering.sweep_result import SteeringSweep as SteeringSweep
from interp_nb.steering.traits import ClassifierTrait as ClassifierTrait
from interp_nb.steering.traits import TokenMass as TokenMass
from interp_nb.steering.vectors import SteeringVector as SteeringVector
from interp_nb.widgets.links import link as link

__version__: Final[str]
__all__: list[str]
