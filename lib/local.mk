stddir = $(pkgdatadir)/std
dist_std_DATA = lib/std/prelude.pgn lib/std/nn.pgn lib/std/graph.pgn lib/std/sequence.pgn lib/std/operator.pgn lib/std/loss.pgn
