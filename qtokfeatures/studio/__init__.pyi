from .classifier_page import classifier_report as classifier_report
from .cluster_page import cluster_report as cluster_report
from .demo_page import demo_report as demo_report
from .roundtrip import Roundtrip as Roundtrip
from .roundtrip import make_roundtrip as make_roundtrip
from .roundtrip_page import roundtrip_report as roundtrip_report
