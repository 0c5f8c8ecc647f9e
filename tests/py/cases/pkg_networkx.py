# networkx: paths, flows, trees, centrality, communities and matching on graphs, and their files.
import io

import networkx as nx

roads = nx.Graph()
roads.add_weighted_edges_from([("A", "B", 4), ("A", "C", 2), ("B", "C", 1), ("B", "D", 5), ("C", "D", 8),
                               ("D", "E", 3), ("C", "E", 10)])
print(nx.shortest_path(roads, "A", "E", weight="weight"), nx.dijkstra_path_length(roads, "A", "E"))
print(sorted(nx.minimum_spanning_edges(roads, data=False)), nx.diameter(roads), nx.density(roads))
print({k: round(v, 4) for k, v in sorted(nx.betweenness_centrality(roads).items())})
print(nx.to_numpy_array(roads, nodelist="ABCDE").tolist())

pipes = nx.DiGraph()
for a, b, capacity in [("s", "a", 10), ("s", "b", 5), ("a", "b", 15), ("a", "t", 5), ("b", "t", 10)]:
    pipes.add_edge(a, b, capacity=capacity)
value, flow = nx.maximum_flow(pipes, "s", "t")
print("flow", value, flow)
print("cut", nx.minimum_cut_value(pipes, "s", "t"))

tasks = nx.DiGraph([("plan", "build"), ("plan", "buy"), ("buy", "build"), ("build", "test"), ("test", "ship")])
print(list(nx.lexicographical_topological_sort(tasks)), nx.dag_longest_path(tasks))
print({k: round(v, 5) for k, v in nx.pagerank(tasks).items()})
tasks.add_edge("ship", "plan")
print(nx.is_directed_acyclic_graph(tasks), [len(c) for c in nx.strongly_connected_components(tasks)])
try:
    list(nx.topological_sort(tasks))
except nx.NetworkXUnfeasible as error:
    print("NetworkXUnfeasible:", error)

club = nx.karate_club_graph()
print(club.number_of_nodes(), club.number_of_edges(), round(nx.average_clustering(club), 6))
communities = nx.community.greedy_modularity_communities(club)
print([sorted(c) for c in communities], round(nx.community.modularity(club, communities), 5))
print(sorted(nx.core_number(club).items())[:6], nx.triangles(club, 0))

random = nx.gnp_random_graph(80, 0.05, seed=5)
print([len(c) for c in sorted(nx.connected_components(random), key=len, reverse=True)][:4])
print("matching", len(nx.max_weight_matching(nx.petersen_graph())), "cliques", max(map(len, nx.find_cliques(club))))
print("colours", max(nx.greedy_color(nx.petersen_graph(), "smallest_last").values()) + 1)
print("layout", nx.spring_layout(nx.path_graph(3), seed=1)[0].round(3).shape)

file = io.BytesIO()
nx.write_graphml(roads, file)
file.seek(0)
print(nx.is_isomorphic(nx.read_graphml(file), roads), nx.node_link_data(nx.path_graph(3))["links"])
print(nx.to_dict_of_lists(nx.balanced_tree(2, 2)))
