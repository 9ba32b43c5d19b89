stddir = $(pkgdatadir)/std
dist_std_DATA = lib/std/prelude.pgn lib/std/nn.pgn lib/std/dense.pgn lib/std/norm.pgn lib/std/attention.pgn lib/std/position.pgn \
	lib/std/conv.pgn lib/std/recurrent.pgn lib/std/graph.pgn lib/std/sequence.pgn lib/std/mixer.pgn lib/std/operator.pgn lib/std/loss.pgn lib/std/optim.pgn lib/std/machine.pgn
