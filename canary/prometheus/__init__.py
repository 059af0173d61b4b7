"""What Prometheus has counted of two revisions: raw samples in, deltas or a stated gap out.

selector   PromQL's selectors, read and matched        series   its answers, checked
delta      counters over one interval (pure)           targets  which pods were scraped, and when
api        HTTP                                        reader   one interval of both revisions
preflight  whether the series are there at all
"""

from canary.prometheus.reader import PrometheusReader

__all__ = ["PrometheusReader"]
