"""What each name in a report means, in one sentence; reports carry them along."""

from typing import Final

DEFINITIONS: Final[dict[str, str]] = {
    # Durations of a request.
    "e2e": "End-to-end latency: from when the request was due to the end of its answer, so that "
    "waiting caused by a slow server or client is never left out.",
    "e2e_sent": "From the last byte of the request handed to the kernel to the end of its answer; "
    "requests that were never sent have none.",
    "ttft": "Time to first token: from when the request was due to its first chunk with text; "
    "streams only.",
    "ttft_sent": "From the last byte of the request handed to the kernel to its first chunk with "
    "text; streams only.",
    "tpot": "Time per output token: from the first chunk to the last, over the completion tokens "
    "less one, so the first token is excluded; of streams whose server told at least two tokens "
    "and that came in at least two chunks.",
    "gap": "From one chunk with text to the next of the same answered stream; 0 for chunks that "
    "were read together.",
    "tokens_per_chunk": "Completion tokens over chunks with text, of each answered stream whose "
    "server told its tokens.",
    "lateness": "From when the request was due to when the client gave it to a connection: the "
    "client's own delay, waiting for a free connection included; connecting is not part of it.",
    "connect": "From the beginning of a connection to its being ready, TLS included, of each "
    "request that opened one; it is part of the latencies, not of the lateness.",
    # Populations.
    "population": "Latencies are of the answered requests due in the measured window; those that "
    "timed out or that the end of the run cut off count as longer than any measured value, and "
    "other failures are errors and in no latency.",
    "censored": "Known only from below: e2e of a request that timed out or was cut off, and its "
    "ttft where no first chunk came either; a percentile that falls among them is null, and their "
    "mean has only a lower bound.",
    "measured_window": "From the end of the warm-up to when the last request was due.",
    "warmup": "Cut from the beginning: the seconds given, or for as long as latency has differed "
    "from the rest since the run began, at most to where MSER-5 (White 1997) leaves the mean of "
    "the rest best known and at most half of the run; a gate that passes only by a cut that was "
    "not given is insufficient.",
    "scheduled": "Requests that were due, over the whole run.",
    "sent": "Requests whose last byte was handed to the kernel.",
    # Shares.
    "error_rate": "Failed requests over those taken up, leaving out of both what the end of the "
    "run cut off; failed is every end but an answer.",
    "truncated_rate": "Streams that ended truncated, with an error or with a reset after their "
    "first chunk, over all streams that had a first chunk and were not cut off by the run's end.",
    "goodput_ratio": "Good requests over those taken up and not cut off by the run's end; good is "
    "answered, with every objective met, and rightly where answers are checked; without objectives "
    "every answer is good.",
    "accuracy": "Right answers over the answers with a known right one, in the measured window.",
    "objective": "What a good request meets; where none is given, the threshold of the highest "
    "percentile gate of each metric; for a gap the request's longest gap counts, and an answer in "
    "one chunk meets what is asked between tokens.",
    # Rates.
    "offered_rps": "Requests due in the measured window, the last one excluded, over its length.",
    "sent_rps": "Requests sent within the measured window over its length.",
    "completed_rps": "Answers that ended within the measured window over its length; the gate "
    "throughput judges it.",
    "throughput": "Answers that ended within the measured window over its length.",
    "goodput_rps": "Good answers that ended within the measured window over its length; the gate "
    "goodput judges it.",
    "goodput": "Good answers that ended within the measured window over its length.",
    "prompt_tokens_per_s": "Prompt tokens, as the server told them, of the requests that ended "
    "within the measured window, over its length.",
    "output_tokens_per_s": "Completion tokens, as the server told them and its reasoning included, "
    "of the requests that ended within the measured window, over its length; the gate "
    "output_tokens judges it.",
    "output_tokens": "Completion tokens, reasoning included, that ended within the measured window "
    "over its length.",
    # Tokens.
    "tokens": "As the server's usage told them, over the whole run, of every request with usage; "
    "differences are the local tokenizer's count less the server's, added up.",
    # Statistics.
    "percentile": "The least measured value with at least that share of samples at or below it; "
    "exact, not read from a histogram.",
    "interval": "Holds the true value with the report's confidence: of percentiles by binomial "
    "order statistics, of shares by Clopper and Pearson, of means and rates by Student's t.",
    "effective_count": "How many independent samples carry as much as these, which are correlated "
    "in time, for their mean; by blocking (Flyvbjerg and Petersen 1989, Jonsson 2018); percentiles "
    "and shares use that of exceeding their value, percentiles and what is judged by a threshold "
    "also that of lesser values, which more samples exceed: slow ones come together.",
    "gate": "Passes or fails when its bound lies on one side of the threshold with the report's "
    "confidence, each bound on its own, and is insufficient otherwise; a percentile gate judges "
    "the share of samples that reach the threshold, which those censored below it may or may not "
    "have.",
    "num_needed": "How many samples in all would decide the gate if what was measured stayed as it "
    "is.",
    "saturated": "The client was the limit: more than 1 % of requests were taken up late, some "
    "were not sent, a worker used 95 % of its core, or left its sockets unread for too long.",
    "steadiness": "Not steady is a trend of latency over the measured window (Mann-Kendall with "
    "Yue and Wang's correction, p < 0.01), or a growing number of requests under way; it is "
    "said and fails nothing.",
    "series": "Rows of equal width from the run's epoch; requests count where they were due, "
    "answers and their tokens where they ended, in_flight is at the row's end, and percentiles "
    "are within 1 %.",
    "hdr": "HdrHistogram V2 in base64, microseconds or thousandths of a token, three digits; "
    "censored samples are left out.",
    "cross_check": "The client's number beside the increase of the server's own counter between "
    "the first scrape and the last.",
}
