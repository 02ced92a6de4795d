"""What the examples may say to the operators of Postgres and RabbitMQ.

No package has these kinds as models, so the fields that are used here are written down by hand.
Name, type and permitted values of each were compared with CloudNativePG 1.28
(`api/v1/cluster_types.go`, from which its CRD is made) and the RabbitMQ Cluster Operator 2
(`api/v1beta1/rabbitmqcluster_types.go`). A field that the examples gain is to be looked up there
and added here.
"""
# ruff: noqa: N815

from dataclasses import dataclass
from typing import Literal

from kube_models.api_v1.io.k8s.api.core.v1 import Affinity, ObjectMeta, ResourceRequirements


@dataclass
class Storage:
    """A volume of CloudNativePG's."""

    storageClass: str
    size: str


@dataclass
class Synchronous:
    """How many standbys a commit waits for, and whether one may be promoted that may lack it.

    `failoverQuorum` is there since 1.28; 1.27 had an annotation.
    """

    method: Literal["any", "first"]
    number: int
    dataDurability: Literal["required", "preferred"]
    failoverQuorum: bool


@dataclass
class Postgresql:
    """The server's own settings, all of them texts."""

    synchronous: Synchronous
    parameters: dict[str, str]


@dataclass
class Spread:
    """CloudNativePG's own way to say where instances may run."""

    enablePodAntiAffinity: bool
    podAntiAffinityType: Literal["required", "preferred"]
    topologyKey: str


@dataclass
class InitDb:
    """The first database."""

    database: str
    owner: str
    encoding: str


@dataclass
class Bootstrap:
    """How the cluster begins."""

    initdb: InitDb


@dataclass
class ClusterSpec:
    """Of a cluster of Postgres."""

    instances: int
    imageName: str
    primaryUpdateStrategy: Literal["unsupervised", "supervised"]
    primaryUpdateMethod: Literal["switchover", "restart"]
    enableSuperuserAccess: bool
    storage: Storage
    walStorage: Storage
    resources: ResourceRequirements
    postgresql: Postgresql
    affinity: Spread
    bootstrap: Bootstrap


@dataclass
class Cluster:
    """`postgresql.cnpg.io/v1`."""

    metadata: ObjectMeta
    spec: ClusterSpec


@dataclass
class Persistence:
    """A volume of the RabbitMQ operator's."""

    storageClassName: str
    storage: str


@dataclass
class Tls:
    """Where the certificate is, and whether anything else is listened on."""

    secretName: str
    disableNonTLSListeners: bool


@dataclass
class Rabbitmq:
    """Lines for `rabbitmq.conf`."""

    additionalConfig: str


@dataclass
class RabbitmqClusterSpec:
    """Of a cluster of RabbitMQ."""

    replicas: int
    image: str
    persistence: Persistence
    resources: ResourceRequirements
    tls: Tls
    rabbitmq: Rabbitmq
    affinity: Affinity


@dataclass
class RabbitmqCluster:
    """`rabbitmq.com/v1beta1`."""

    metadata: ObjectMeta
    spec: RabbitmqClusterSpec
