/** How near two vectors of one length are: cosine of their angle (0 where one is zero), L1 and L2 distance. */
export function compared(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
): { cosine: number; manhattan: number; euclidean: number } {
  let [both, squareA, squareB, manhattan, square] = [0, 0, 0, 0, 0];
  for (let index = 0; index < a.length; index++) {
    const [x, y] = [a[index]!, b[index]!];
    both += x * y;
    squareA += x * x;
    squareB += y * y;
    manhattan += Math.abs(x - y);
    square += (x - y) ** 2;
  }
  const lengths = Math.sqrt(squareA * squareB);
  return { cosine: lengths > 0 ? both / lengths : 0, manhattan, euclidean: Math.sqrt(square) };
}
