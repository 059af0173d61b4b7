"""r1-loadtest: a load tester for the Open Inference (V2) protocol that can be believed.

config      what is asked of a run            record      what is kept of a request
arrivals    when requests are due (pure)      prompts/    what they ask (pure)
wire/       protocols without I/O (pure)      net/        sockets, epoll, a timer, HTTP/1.1, gRPC
exchange    one request under way             run/        driver, workers, live view
analysis/   records to verdicts (pure)        report/     JSON, CSV, HTML, push
"""
