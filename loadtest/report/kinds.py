"""Every kind of report that ``r1-loadtest`` writes; ``kind`` tells which a file is."""

from loadtest.report.coldstart_schema import ColdStartReport
from loadtest.report.schema import Comparison, KneeReport, Report

AnyReport = Report | KneeReport | Comparison | ColdStartReport
